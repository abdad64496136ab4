// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package prometheus

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"time"
	"unsafe"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/util/annotations"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/query"
)

// component is what a series of Prometheus takes from a stored point.
type component uint8

const (
	componentNumber component = iota
	componentBucket
	componentCount
	componentSum
	componentQuantile
	componentNative
	componentInfo
)

// part is a stored series that gives a series of Prometheus its samples.
type part struct {
	index     int
	bound     float64 // of a bucket or quantile
	component component
	gauge     bool // a histogram whose counts are no totals
	verbatim  bool // a histogram of Prometheus' own
}

// promSeries is one series of an answer.
type promSeries struct {
	labels   labels.Labels
	first    part
	more     []part // with the same labels
	decoded  *decoded
	lookback time.Duration
}

var _ storage.Series = (*promSeries)(nil)

// Labels implements storage.Series.
func (s *promSeries) Labels() labels.Labels { return s.labels }

// Iterator implements storage.Series.
func (s *promSeries) Iterator(used chunkenc.Iterator) chunkenc.Iterator {
	it, ok := used.(*iterator)
	if !ok {
		it = &iterator{}
	}
	it.load(s)
	return it
}

// sample is one sample of a series; it is a histogram if h is set.
type sample struct {
	t, st int64 // milliseconds
	f     float64
	h     *histogram.Histogram
}

func staleNaN() float64 { return math.Float64frombits(value.StaleNaN) }

// samples appends the samples of the series, each time once and in order.
func (s *promSeries) samples(list []sample) ([]sample, error) {
	list, err := s.read(list, &s.first)
	for i := range s.more {
		if err != nil {
			return list, err
		}
		list, err = s.read(list, &s.more[i])
	}
	return inOrder(list), err
}

func (s *promSeries) read(list []sample, p *part) ([]sample, error) {
	// The engine's context is not to be had here; a series is read within microseconds.
	ctx := context.Background()
	switch p.component {
	case componentNumber:
		err := s.decoded.sel.Points(ctx, p.index, false, func(point *model.Point) {
			if point.Flags&model.FlagNoRecordedValue != 0 {
				list = append(list, sample{t: millis(point.Time), f: staleNaN()})
			} else if point.Number != model.NumberNone {
				list = append(list, sample{t: millis(point.Time), st: millis(point.Start), f: point.Float()})
			}
		})
		return list, err
	case componentInfo:
		return s.readInfo(ctx, list, p)
	default:
		points, err := s.decoded.of(ctx, p.index)
		for i := range points {
			if made, ok := p.sampleOf(&points[i]); ok {
				list = append(list, made)
			}
		}
		return list, err
	}
}

// readInfo makes samples of target_info: one for each time at which the resource sent
// something, but not more than a handful within the time that a sample counts.
func (s *promSeries) readInfo(ctx context.Context, list []sample, p *part) ([]sample, error) {
	apart := max(s.lookback.Milliseconds()/20, 1)
	err := s.decoded.sel.Points(ctx, p.index, false, func(point *model.Point) {
		t := millis(point.Time)
		if n := len(list); n > 0 && t/apart == list[n-1].t/apart {
			list[n-1].t = max(t, list[n-1].t)
			return
		}
		list = append(list, sample{t: t, f: 1})
	})
	return list, err
}

func millis(t model.Nanos) int64 { return int64(t / model.Nanos(time.Millisecond)) }

// inOrder sorts samples by time, and of those of one millisecond keeps the one that came
// last.
func inOrder(list []sample) []sample {
	ordered := true
	for i := 1; i < len(list) && ordered; i++ {
		ordered = list[i-1].t < list[i].t
	}
	if ordered {
		return list
	}
	slices.SortStableFunc(list, func(a, b sample) int { return cmp.Compare(a.t, b.t) })
	kept := list[:0]
	for i := range list {
		if n := len(kept); n > 0 && kept[n-1].t == list[i].t {
			kept[n-1] = list[i]
			continue
		}
		kept = append(kept, list[i])
	}
	return kept
}

// sampleOf takes a component out of a point; false if the point lacks it.
func (p *part) sampleOf(point *model.Point) (sample, bool) {
	made := sample{t: millis(point.Time), st: millis(point.Start)}
	if point.Flags&model.FlagNoRecordedValue != 0 {
		made.st, made.f = 0, staleNaN()
		if p.component == componentNative {
			made.h = &histogram.Histogram{Sum: made.f}
		}
		return made, true
	}
	switch {
	case point.Histogram != nil:
		return made, p.ofHistogram(&made, point.Histogram)
	case point.Summary != nil:
		return made, p.ofSummary(&made, point.Summary)
	case point.Exponential != nil:
		var ok bool
		made.h, ok = nativeHistogram(point.Exponential, p.gauge, p.verbatim)
		return made, ok
	default:
		return made, false
	}
}

func (p *part) ofHistogram(made *sample, h *model.Histogram) bool {
	switch p.component {
	case componentCount:
		made.f = float64(h.Count)
	case componentSum:
		made.f = h.Sum.Value
		return h.Sum.Set
	case componentBucket:
		return p.ofBucket(made, h)
	default: // a histogram is expanded into no other parts
	}
	return true
}

// ofBucket counts what lies at the bound or below.
func (p *part) ofBucket(made *sample, h *model.Histogram) bool {
	if math.IsInf(p.bound, 1) {
		made.f = float64(h.Count)
		return true
	}
	at, found := slices.BinarySearch(h.Bounds, p.bound)
	if !found {
		return false
	}
	var count uint64
	for i := range min(at+1, len(h.Counts)) {
		count += h.Counts[i]
	}
	made.f = float64(count)
	return true
}

func (p *part) ofSummary(made *sample, s *model.Summary) bool {
	switch p.component {
	case componentCount:
		made.f = float64(s.Count)
		return true
	case componentSum:
		made.f = s.Sum
		return true
	default: // a quantile
	}
	for _, q := range s.Quantiles {
		if q.Q == p.bound {
			made.f = q.Value
			return true
		}
	}
	return false
}

// seriesSet gives series one after the other.
type seriesSet struct {
	series   []*promSeries
	at       int
	warnings annotations.Annotations
}

// Next implements storage.SeriesSet.
func (s *seriesSet) Next() bool { s.at++; return s.at < len(s.series) }

// At implements storage.SeriesSet.
func (s *seriesSet) At() storage.Series { return s.series[s.at] }

// Err implements storage.SeriesSet.
func (*seriesSet) Err() error { return nil }

// Warnings implements storage.SeriesSet.
func (s *seriesSet) Warnings() annotations.Annotations { return s.warnings }

// warningsOf returns what readers reported of their sources.
func warningsOf(ctx context.Context) annotations.Annotations {
	var warnings annotations.Annotations
	for _, note := range query.NotesIn(ctx) {
		warnings.Add(fmt.Errorf("%s: %s", note.Source, note.Message))
	}
	return warnings
}

const sampleSize = int64(unsafe.Sizeof(sample{}))
