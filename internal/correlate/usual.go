// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"math"
	"slices"
)

// way is what the way between two services costs in this system: the median of
// its edges and their spread, in the logarithm. An edge that is not known for
// long is compared with the others, for the way is the network's and the same
// for all of them to a factor.
type way struct {
	edges          int
	center, spread float64
}

// minEdges is how many edges tell what is usual: as many as a baseline needs.
const minEdges = minBefore

// usualWay learns what is usual from the edges that are used.
func (e *Engine) usualWay() way {
	var means []float64
	for _, c := range e.graph.calls.all() {
		if total := (*c).gap.total(); (*c).paired && total.n >= minAfter {
			means = append(means, total.mean())
		}
	}
	if len(means) < minEdges {
		return way{}
	}
	slices.Sort(means)
	center := means[len(means)/2]
	return way{edges: len(means), center: center, spread: max(normalMAD*mad(means, center), math.Ln2)}
}

// exceeds tells how much longer than usual an edge takes that has no past of its
// own yet.
func (w way) exceeds(c *call) change {
	total := c.gap.total()
	if w.edges == 0 || !c.paired || c.gap.old.n > 0 || total.n < minBefore {
		return change{}
	}
	rise := total.mean() - w.center
	if rise <= 0 {
		return change{}
	}
	spread := w.spread*w.spread + priorSpread/float64(total.n)
	return change{
		slot: c.gap.oldest(), ratio: rise * rise / spread, after: total,
		before: sample{n: float32(w.edges), sum: float32(float64(w.edges) * w.center)},
	}
}
