//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package probe

import "math"

// buckets is bpf/histogram.h's BUCKETS.
const buckets = 26

// histogram is that of bpf/histogram.h.
type histogram struct {
	Sum     uint64 // nanoseconds
	Buckets [buckets]uint64
}

// durationBounds are the upper bounds of its buckets, in seconds.
func durationBounds() []float64 {
	bounds := make([]float64, buckets-1)
	for i := range bounds {
		bounds[i] = math.Ldexp(1024e-9, i)
	}
	return bounds
}

// grow adds what came since before.
func (h *histogram) grow(now, before *histogram) {
	h.Sum += now.Sum - before.Sum
	for i := range h.Buckets {
		h.Buckets[i] += now.Buckets[i] - before.Buckets[i]
	}
}

func (h *histogram) seconds() float64 { return float64(h.Sum) / 1e9 }
