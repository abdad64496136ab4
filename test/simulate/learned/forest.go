// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package learned

import (
	"math"
	"math/rand/v2"
)

// The isolation forest of Liu, Ting and Zhou (2008), with the sizes of that paper: what
// is unlike the rest is alone after fewer random cuts. The score is 2^(-depth/expected),
// 0.5 for what is like the rest, near 1 for what is alone at once.
const (
	forestTrees  = 100
	forestSample = 256
)

// tree is a node of an isolation tree; one without children holds size vectors.
type tree struct {
	dimension   int
	cut         float64
	low, high   *tree
	size, depth int
}

func grow(list []vector, depth, most int, chance *rand.Rand) *tree {
	if depth >= most || len(list) <= 1 {
		return &tree{size: len(list), depth: depth}
	}
	dimension := chance.IntN(dimensions)
	low, high := math.Inf(1), math.Inf(-1)
	for _, v := range list {
		low, high = min(low, v[dimension]), max(high, v[dimension])
	}
	if low == high {
		return &tree{size: len(list), depth: depth}
	}
	cut := low + chance.Float64()*(high-low)
	var below, above []vector
	for _, v := range list {
		if v[dimension] < cut {
			below = append(below, v)
		} else {
			above = append(above, v)
		}
	}
	return &tree{dimension: dimension, cut: cut, low: grow(below, depth+1, most, chance), high: grow(above, depth+1, most, chance)}
}

func (t *tree) path(v vector) float64 {
	for t.low != nil {
		if v[t.dimension] < t.cut {
			t = t.low
		} else {
			t = t.high
		}
	}
	return float64(t.depth) + expectedPath(t.size)
}

// expectedPath is the mean depth of a search without success in a binary tree of n.
func expectedPath(n int) float64 {
	if n <= 1 {
		return 0
	}
	const euler = 0.5772156649
	return 2*(math.Log(float64(n-1))+euler) - 2*float64(n-1)/float64(n)
}

type forest struct {
	trees []*tree
	size  int
}

func newForest(list []vector, chance *rand.Rand) forest {
	f := forest{size: min(len(list), forestSample)}
	most := int(math.Ceil(math.Log2(float64(f.size))))
	for range forestTrees {
		sample := make([]vector, f.size)
		for i, at := range chance.Perm(len(list))[:f.size] {
			sample[i] = list[at]
		}
		f.trees = append(f.trees, grow(sample, 0, most, chance))
	}
	return f
}

func (f *forest) score(v vector) float64 {
	sum := 0.0
	for _, t := range f.trees {
		sum += t.path(v)
	}
	return math.Exp2(-sum / forestTrees / expectedPath(f.size))
}

// forestScores are those of the distances from the median in spreads, so that a
// dimension that hardly varies has no say. Better than before is no anomaly.
func forestScores(list []vector) []float64 {
	scores := make([]float64, len(list))
	chance := rand.New(rand.NewPCG(1, 1))
	var f forest
	var s spread
	for i := range list {
		if i < learn {
			scores[i] = -1
			continue
		}
		if (i-learn)%again == 0 {
			before := list[max(0, i-history):i]
			s = spreadOf(before)
			scaled := make([]vector, len(before))
			for n := range before {
				scaled[n] = worse(s.scaled(before[n]))
			}
			f = newForest(scaled, chance)
		}
		scores[i] = f.score(worse(s.scaled(list[i])))
	}
	return scores
}

// worse leaves of a scaled vector what is worse than the median: fewer requests, more
// failures, longer durations.
func worse(v vector) vector {
	return vector{min(v[0], 0), max(v[1], 0), max(v[2], 0), max(v[3], 0)}
}
