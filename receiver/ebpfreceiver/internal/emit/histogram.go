//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package emit

import (
	"math"

	"go.opentelemetry.io/collector/pdata/pmetric"
)

// buckets is bpf/histogram.h's BUCKETS.
const buckets = 32

// finest is the power of two of the seconds below which bucket 0 counts.
const finest = -20

// Histogram is that of bpf/histogram.h.
type Histogram struct {
	Sum     uint64 // nanoseconds
	Buckets [buckets]uint64
}

// Grow adds what came since before.
func (h *Histogram) Grow(now, before *Histogram) {
	h.Sum += now.Sum - before.Sum
	for i := range h.Buckets {
		h.Buckets[i] += now.Buckets[i] - before.Buckets[i]
	}
}

func (h *Histogram) seconds() float64 { return float64(h.Sum) / 1e9 }

// Count is the number of values.
func (h *Histogram) Count() (all uint64) {
	for _, n := range h.Buckets {
		all += n
	}
	return all
}

// put writes the buckets as they are: those of scale 0 double, and bucket 1 of the
// kernel's begins at 2^finest. What is below it counts as zero, with that threshold.
func (h *Histogram) put(to pmetric.ExponentialHistogramDataPoint) {
	to.SetScale(0)
	to.SetCount(h.Count())
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
