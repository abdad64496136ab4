//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"math"

	"go.opentelemetry.io/collector/pdata/pmetric"
)

// buckets is bpf/histogram.h's BUCKETS.
const buckets = 32

// finest is the power of two of the seconds below which bucket 0 counts.
const finest = -20

// histogram is that of bpf/histogram.h.
type histogram struct {
	Sum     uint64 // nanoseconds
	Buckets [buckets]uint64
}

// grow adds what came since before.
func (h *histogram) grow(now, before *histogram) {
	h.Sum += now.Sum - before.Sum
	for i := range h.Buckets {
		h.Buckets[i] += now.Buckets[i] - before.Buckets[i]
	}
}

func (h *histogram) seconds() float64 { return float64(h.Sum) / 1e9 }

func (h *histogram) count() (all uint64) {
	for _, n := range h.Buckets {
		all += n
	}
	return all
}

// put writes the buckets as they are: those of scale 0 double, and bucket 1 of the
// kernel's begins at 2^finest. What is below it counts as zero, with that threshold.
func (h *histogram) put(to pmetric.ExponentialHistogramDataPoint) {
	to.SetScale(0)
	to.SetCount(h.count())
	to.SetSum(h.seconds())
	to.SetZeroCount(h.Buckets[0])
	to.SetZeroThreshold(math.Ldexp(1, finest))
	first, last := 1, buckets-1
	for first < buckets && h.Buckets[first] == 0 {
		first++
	}
	for last > first && h.Buckets[last] == 0 {
		last--
	}
	if first == buckets {
		return
	}
	to.Positive().SetOffset(int32(first - 1 + finest))
	to.Positive().BucketCounts().FromRaw(h.Buckets[first : last+1])
}
