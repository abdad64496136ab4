// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"math"
	"time"

	"github.com/tapio/tapio/internal/model"
)

// bucketsPerOctave is how many buckets of durations a doubling has: each is 4.4 %
// wide, so that its middle is at most 2.2 % from any duration in it.
const bucketsPerOctave = 16

// durations counts durations in buckets of equal ratio.
type durations struct {
	first  int      // bucket of counts[0]
	counts []uint32 // dense between the shortest and the longest
	total  uint64
}

// bucketOf returns the bucket of a duration; 0 for less than a nanosecond.
func bucketOf(took model.Nanos) int {
	if took == 0 {
		return 0
	}
	return 1 + int(math.Log2(float64(took))*bucketsPerOctave)
}

// middleOf returns the duration that stands for a bucket.
func middleOf(bucket int) time.Duration {
	if bucket == 0 {
		return 0
	}
	middle := math.Exp2((float64(bucket-1) + 0.5) / bucketsPerOctave)
	return time.Duration(min(middle, math.MaxInt64/2))
}

func (d *durations) add(bucket int, n uint32) {
	switch {
	case d.counts == nil:
		d.first, d.counts = bucket, make([]uint32, 1, 8)
	case bucket < d.first:
		d.counts = append(make([]uint32, d.first-bucket, d.first-bucket+len(d.counts)), d.counts...)
		d.first = bucket
	}
	for bucket-d.first >= len(d.counts) {
		d.counts = append(d.counts, 0)
	}
	d.counts[bucket-d.first] += n
	d.total += uint64(n)
}

func (d *durations) merge(other *durations) {
	for i, n := range other.counts {
		if n > 0 {
			d.add(other.first+i, n)
		}
	}
}

// quantile returns the duration that this share of all does not exceed.
func (d *durations) quantile(q float64) time.Duration {
	wanted := uint64(math.Ceil(q * float64(d.total)))
	for i, n := range d.counts {
		if wanted <= uint64(n) {
			return middleOf(d.first + i)
		}
		wanted -= uint64(n)
	}
	return 0
}

// requests counts spans.
type requests struct {
	count, errors uint64
	took          durations
	extent        extent
}

func (r *requests) addSpan(s *model.Span) {
	r.count++
	if s.StatusCode == model.StatusError {
		r.errors++
	}
	r.took.add(bucketOf(s.Duration()), 1)
	r.extent.add(extent{s.Start, s.Start})
}

func (r *requests) merge(other *requests) {
	r.count += other.count
	r.errors += other.errors
	r.took.merge(&other.took)
	r.extent.add(other.extent)
}

// covered is the part of a range that spans are stored of, so that a rate is not a share
// of hours that nothing is known of.
func (s *Store) covered(times model.TimeRange) model.TimeRange {
	s.spans.mu.RLock()
	defer s.spans.mu.RUnlock()
	if oldest, newest := s.spans.extent(); times.Start != 0 && times.Start < oldest && times.Overlaps(oldest, newest) {
		times.Start = oldest
	}
	return times
}

// red returns the figures over a range.
func (r *requests) red(over model.TimeRange) model.RED {
	start, end := over.Start, over.End
	if start == 0 {
		start = r.extent.oldest
	}
	if end == 0 {
		end = r.extent.newest
	}
	seconds := 1.0
	if end > start {
		seconds = max(float64(end-start)/1e9, seconds)
	}
	return model.RED{
		Requests: r.count, Errors: r.errors, Rate: float64(r.count) / seconds,
		P50: r.took.quantile(0.5), P95: r.took.quantile(0.95), P99: r.took.quantile(0.99),
	}
}

// isRequest reports whether a span of this kind answers a request.
func isRequest(kind int32) bool { return kind == kindServer || kind == kindConsumer }

// OTLP's kinds of spans.
const (
	kindInternal = 1 + iota
	kindServer
	kindClient
	kindProducer
	kindConsumer
)
