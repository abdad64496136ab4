//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package emit

import (
	"slices"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/identity"
)

// MaxLabels bounds the series of one histogram that is kept here, to some 1 MB.
// What comes above it is counted together, as OpenTelemetry's SDKs do it.
const MaxLabels = 2000

// NetworkBounds are the buckets that the semantic conventions advise for what
// goes over a network.
func NetworkBounds() []float64 {
	return []float64{0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10}
}

// Exemplar is the span that stands for others like it.
type Exemplar struct {
	At    time.Time
	value float64
	Trace pcommon.TraceID
	Span  pcommon.SpanID
}

// Duration is the histogram of one series.
type Duration struct {
	Counts   []uint64
	Sum      float64
	exemplar Exemplar
	reported bool // the exemplar, in an earlier point
	since    time.Time
	changed  time.Time // when it was last collected with something new
	Grown    bool      // since it was collected
	Dropped  bool      // no longer collected; of returns another one
}

// Durations is a histogram by labels of type K. It serves one goroutine.
type Durations[K comparable] struct {
	Metric Metric
	Place  func(K) *identity.Place
	Label  func(K, pcommon.Map)
	Series map[K]*Duration
	last   time.Time // of collecting: when a series that is new since may have begun
}

// Add counts one; without room for its labels it is counted under rest.
func (d *Durations[K]) Add(labels, rest K, took time.Duration, e Exemplar) {
	d.Count(d.Of(labels, rest), took, e)
}

// Of returns where labels are counted. It stays the same until it is dropped.
func (d *Durations[K]) Of(labels, rest K) *Duration {
	one, ok := d.Series[labels]
	if !ok && len(d.Series) >= MaxLabels {
		labels = rest
		one, ok = d.Series[labels]
	}
	if !ok {
		one = &Duration{Counts: make([]uint64, len(d.Metric.Bounds)+1), since: d.last, changed: d.last}
		d.Series[labels] = one
	}
	return one
}

// Count adds requests of the same form that took these durations.
func (d *Durations[K]) Count(one *Duration, took time.Duration, e Exemplar) {
	seconds := max(0, took.Seconds())
	at, _ := slices.BinarySearch(d.Metric.Bounds, seconds)
	one.Counts[at]++
	one.Grown = true
	one.Sum += seconds
	one.SetExemplar(e, seconds)
}

// SetExemplar keeps the span that was counted with that value, if there is one.
func (one *Duration) SetExemplar(e Exemplar, seconds float64) {
	if e.Trace != (pcommon.TraceID{}) {
		e.value = seconds
		one.exemplar, one.reported = e, false
	}
}

// Collect adds a point for each series that has grown. An exemplar is reported once.
func (d *Durations[K]) Collect(out *Batch) {
	for labels, one := range d.Series {
		if !one.Grown {
			d.dropIdle(labels, one, out.Now)
			continue
		}
		one.Grown, one.changed = false, out.Now
		out.Since = one.since
		if out.Since.IsZero() {
			out.Since = out.Last
		}
		one.since = out.Since
		point := out.Histogram(&d.Metric, d.Place(labels), one.Counts, one.Sum)
		d.Label(labels, point.Attributes())
		if one.exemplar.Trace != (pcommon.TraceID{}) && !one.reported {
			putExemplar(point.Exemplars().AppendEmpty(), one.exemplar)
			one.reported = true
		}
	}
	d.last = out.Now
}

// dropIdle makes room for other labels.
func (d *Durations[K]) dropIdle(labels K, one *Duration, now time.Time) {
	if now.Sub(one.changed) > Idle {
		one.Dropped = true
		delete(d.Series, labels)
	}
}

func putExemplar(to pmetric.Exemplar, e Exemplar) {
	to.SetTimestamp(pcommon.NewTimestampFromTime(e.At))
	to.SetDoubleValue(e.value)
	to.SetTraceID(e.Trace)
	to.SetSpanID(e.Span)
}
