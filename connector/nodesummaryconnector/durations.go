// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package nodesummaryconnector

import (
	"math"
	"time"

	"go.opentelemetry.io/collector/pdata/pmetric"
)

const (
	// scale makes eight buckets for each doubling of the duration: each is 9 % wide.
	scale = 3
	// least and most are the bounds of the buckets: from a microsecond to 18 hours.
	least = time.Microsecond
	most  = 1 << 16 * time.Second
)

// durations counts durations as an exponential histogram does.
type durations struct {
	count    float64
	sum      float64 // of seconds
	zero     float64 // below least
	min, max float64
	offset   int // of the first bucket
	buckets  []float64
}

// add counts a duration as often as a sampled span stands for others.
func (d *durations) add(took time.Duration, times float32) {
	took = min(max(took, 0), most)
	seconds, n := took.Seconds(), float64(times)
	if d.count == 0 {
		d.min, d.max = seconds, seconds
	}
	d.min, d.max = min(d.min, seconds), max(d.max, seconds)
	d.count += n
	d.sum += seconds * n
	if took < least {
		d.zero += n
		return
	}
	index := int(math.Ceil(math.Log2(seconds)*(1<<scale))) - 1
	d.reach(index)
	d.buckets[index-d.offset] += n
}

// reach makes sure of a bucket.
func (d *durations) reach(index int) {
	switch {
	case len(d.buckets) == 0:
		d.offset, d.buckets = index, make([]float64, 1, 8)
	case index < d.offset:
		d.buckets = append(make([]float64, d.offset-index, d.offset-index+len(d.buckets)), d.buckets...)
		d.offset = index
	case index >= d.offset+len(d.buckets):
		d.buckets = append(d.buckets, make([]float64, index+1-d.offset-len(d.buckets))...)
	}
}

// write writes the histogram. Counts are whole: what a sampled span stands for is rounded.
func (d *durations) write(to pmetric.ExponentialHistogramDataPoint) {
	to.SetScale(scale)
	to.SetSum(d.sum)
	to.SetMin(d.min)
	to.SetMax(d.max)
	to.SetZeroThreshold(least.Seconds())
	to.SetZeroCount(uint64(math.Round(d.zero)))
	count := to.ZeroCount()
	to.Positive().SetOffset(int32(d.offset))
	to.Positive().BucketCounts().EnsureCapacity(len(d.buckets))
	for _, n := range d.buckets {
		whole := uint64(math.Round(n))
		count += whole
		to.Positive().BucketCounts().Append(whole)
	}
	to.SetCount(count)
}
