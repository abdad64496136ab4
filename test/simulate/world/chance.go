// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package world

import (
	"math"
	"math/rand/v2"
)

// chance draws what is not determined.
type chance struct{ *rand.Rand }

func newChance(seed, stream uint64) chance { return chance{rand.New(rand.NewPCG(seed, stream))} }

func (c chance) between(low, high float64) float64 { return low + (high-low)*c.Float64() }

// spread draws from low to high evenly on a logarithmic scale.
func (c chance) spread(low, high float64) float64 {
	return math.Exp(c.between(math.Log(low), math.Log(high)))
}

func (c chance) lognormal(median, sigma float64) float64 {
	return median * math.Exp(sigma*c.NormFloat64())
}

func (c chance) happens(p float64) bool { return c.Float64() < p }

// pareto draws 1 or more; the mean is alpha/(alpha-1).
func (c chance) pareto(alpha float64) float64 { return math.Pow(1-c.Float64(), -1/alpha) }

func (c chance) poisson(mean float64) int {
	if mean > 50 {
		return max(0, int(mean+math.Sqrt(mean)*c.NormFloat64()+0.5))
	}
	n, p, bound := 0, c.Float64(), math.Exp(-mean)
	for p > bound {
		p *= c.Float64()
		n++
	}
	return n
}

func (c chance) count(low, high int) int { return low + c.IntN(high-low+1) }

func pick[T any](c chance, of []T) T { return of[c.IntN(len(of))] }

const letters = "bcdfghjklmnpqrstvwxz2456789"

// letters draws a name as Kubernetes makes them.
func (c chance) letters(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = letters[c.IntN(len(letters))]
	}
	return string(b)
}
