// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package model

import (
	"cmp"
	"math"
	"time"
)

// durationsPerOctave is how many buckets of Durations a doubling of the duration spans:
// the middle of a bucket is at most 2.2 % off what it holds, and interpolation between
// neighbours is not needed.
const durationsPerOctave = 16

// maxDurationBucket is the bucket of the longest duration.
const maxDurationBucket = 1 + 64*durationsPerOctave

// Durations counts durations in buckets of a logarithmic scale, so that percentiles of
// several parts are those of the sums of their counts. The zero Durations is empty.
type Durations struct {
	First  int      // bucket of Counts[0]
	Counts []uint32 // dense between the shortest and the longest
	total  uint64
}

// NewDurations makes durations of counts that came from elsewhere.
func NewDurations(first int, counts []uint32) (*Durations, error) {
	if first < 0 || first+len(counts) > maxDurationBucket+1 {
		return nil, InvalidField("duration_buckets", "has buckets %d to %d, the last one is %d", first, first+len(counts)-1, maxDurationBucket)
	}
	d := &Durations{First: first, Counts: counts}
	for _, n := range counts {
		d.total += uint64(n)
	}
	return d, nil
}

// DurationBucket returns the bucket of a duration.
func DurationBucket(took Nanos) int {
	if took == 0 {
		return 0
	}
	return 1 + int(math.Log2(float64(took))*durationsPerOctave)
}

// middleOf returns the duration in the middle of a bucket.
func middleOf(bucket int) time.Duration {
	if bucket == 0 {
		return 0
	}
	middle := math.Exp2((float64(bucket-1) + 0.5) / durationsPerOctave)
	return time.Duration(min(middle, math.MaxInt64/2))
}

// Add counts n durations of a bucket.
func (d *Durations) Add(bucket int, n uint32) {
	switch {
	case d.Counts == nil:
		d.First, d.Counts = bucket, make([]uint32, 1, 8)
	case bucket < d.First:
		d.Counts = append(make([]uint32, d.First-bucket, d.First-bucket+len(d.Counts)), d.Counts...)
		d.First = bucket
	}
	for bucket-d.First >= len(d.Counts) {
		d.Counts = append(d.Counts, 0)
	}
	if count := &d.Counts[bucket-d.First]; *count <= math.MaxUint32-n {
		*count += n
	} else {
		*count = math.MaxUint32
	}
	d.total += uint64(n)
}

// Merge adds what other counts.
func (d *Durations) Merge(other *Durations) {
	for i, n := range other.Counts {
		if n > 0 {
			d.Add(other.First+i, n)
		}
	}
}

// Quantile returns a duration that the share q of all does not exceed; 0 without any.
func (d *Durations) Quantile(q float64) time.Duration {
	wanted := uint64(math.Ceil(q * float64(d.total)))
	for i, n := range d.Counts {
		if wanted <= uint64(n) {
			return middleOf(d.First + i)
		}
		wanted -= uint64(n)
	}
	return 0
}

// MergeRED puts the requests of several parts together. Of a service that reports its
// requests itself in one part, those that only the kernel saw or metrics count in another
// do not count: they may be the same. What the kernel saw comes before metrics.
func MergeRED(parts ...RED) RED {
	own, kernel := false, false
	for i := range parts {
		seen := parts[i].Requests > 0
		own = own || seen && !parts[i].Kernel && !parts[i].Metrics
		kernel = kernel || seen && parts[i].Kernel
	}
	sum, took := RED{}, &Durations{}
	for i := range parts {
		p := &parts[i]
		if p.Requests == 0 || own && (p.Kernel || p.Metrics) || kernel && p.Metrics {
			continue
		}
		sum.Requests += p.Requests
		sum.Errors += p.Errors
		sum.Rate += p.Rate
		if p.Took != nil {
			took.Merge(p.Took)
		}
	}
	sum.Kernel, sum.Metrics = kernel && !own, sum.Requests > 0 && !own && !kernel
	sum.P50, sum.P95, sum.P99, sum.Took = took.Quantile(0.5), took.Quantile(0.95), took.Quantile(0.99), took
	return sum
}

// ListKey is the key of an item of a list: the parts that identify it.
func ListKey(parts ...string) string {
	key := make([]byte, 0, 64)
	for _, part := range parts {
		key = append(append(key, part...), 0)
	}
	return string(key)
}

// Compare orders two places of a list, by count or by key.
func (p ListPlace) Compare(other ListPlace, byCount bool) int {
	if byCount {
		return cmp.Or(cmp.Compare(other.Count, p.Count), cmp.Compare(p.Key, other.Key))
	}
	return cmp.Compare(p.Key, other.Key)
}
