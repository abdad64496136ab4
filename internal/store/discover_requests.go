// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import "github.com/tapio/tapio/internal/model"

// requests counts spans.
type requests struct {
	count, errors uint64
	took          model.Durations
	extent        extent
}

func (r *requests) addSpan(s *model.Span) {
	r.count++
	if s.StatusCode == model.StatusError {
		r.errors++
	}
	r.took.Add(model.DurationBucket(s.Duration()), 1)
	r.extent.add(extent{s.Start, s.Start})
}

func (r *requests) merge(other *requests) {
	r.count += other.count
	r.errors += other.errors
	r.took.Merge(&other.took)
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
		P50: r.took.Quantile(0.5), P95: r.took.Quantile(0.95), P99: r.took.Quantile(0.99), Took: &r.took,
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
