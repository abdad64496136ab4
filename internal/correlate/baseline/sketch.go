// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package baseline

import "math"

const (
	// sketchBuckets of sketchWidth in the logarithm reach from a millisecond to 160 s:
	// a quantile is known to an eighth of its value.
	sketchBuckets = 48
	sketchWidth   = 0.25
)

// Sketch is a distribution of durations, as ln(milliseconds + 1). The zero value is
// empty.
type Sketch struct {
	counts [sketchBuckets]float32
	total  float32
}

// Logarithm is a duration in the measure of a sketch.
func Logarithm(nanos uint64) float64 { return math.Log1p(float64(nanos) / 1e6) }

// Add counts a duration.
func (s *Sketch) Add(x float64, weight float32) {
	s.counts[min(max(int(x/sketchWidth), 0), sketchBuckets-1)] += weight
	s.total += weight
}

// Merge adds another one.
func (s *Sketch) Merge(o *Sketch) {
	for i, n := range o.counts {
		s.counts[i] += n
	}
	s.total += o.total
}

// Scale multiplies all counts.
func (s *Sketch) Scale(by float32) {
	for i := range s.counts {
		s.counts[i] *= by
	}
	s.total *= by
}

// Quantile is the upper bound of the bucket in which the quantile lies, so that what
// lies beyond it is counted exactly.
func (s *Sketch) Quantile(q float64) float64 {
	left := q * float64(s.total)
	for i, n := range s.counts {
		if left -= float64(n); left <= 0 {
			return float64(i+1) * sketchWidth
		}
	}
	return sketchBuckets * sketchWidth
}

// Beyond is the share beyond a bound that Quantile returned.
func (s *Sketch) Beyond(bound float64) float64 {
	n := float32(0)
	for i := min(int(bound/sketchWidth+0.5), sketchBuckets); i < sketchBuckets; i++ {
		n += s.counts[i]
	}
	return float64(n / max(s.total, 1))
}

// Median is interpolated within its bucket.
func (s *Sketch) Median() float64 {
	left := float64(s.total) / 2
	for i, n := range s.counts {
		if n > 0 && left <= float64(n) {
			return (float64(i) + left/float64(n)) * sketchWidth
		}
		left -= float64(n)
	}
	return 0
}
