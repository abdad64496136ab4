//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"slices"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/identity"
)

// maxLabels bounds the series of one histogram that is kept here, to some 1 MB.
// What comes above it is counted together, as OpenTelemetry's SDKs do it.
const maxLabels = 2000

// networkBounds are the buckets that the semantic conventions advise for what
// goes over a network.
func networkBounds() []float64 {
	return []float64{0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10}
}

// exemplar is the span that stands for others like it.
type exemplar struct {
	at    time.Time
	value float64
	trace pcommon.TraceID
	span  pcommon.SpanID
}

type duration struct {
	counts   []uint64
	sum      float64
	exemplar exemplar
	told     bool // the exemplar, in an earlier point
	since    time.Time
	changed  time.Time // when it was last collected with something new
	grown    bool      // since it was collected
	dropped  bool      // no longer collected; of returns another one
}

// durations is a histogram by labels of type K. It serves one goroutine.
type durations[K comparable] struct {
	metric Metric
	place  func(K) *identity.Place
	label  func(K, pcommon.Map)
	series map[K]*duration
	last   time.Time // of collecting: when a series that is new since may have begun
}

// add counts one; without room for its labels it is counted under rest.
func (d *durations[K]) add(labels, rest K, took time.Duration, e exemplar) {
	d.count(d.of(labels, rest), took, e)
}

// of returns where labels are counted. It stays the same until it is dropped.
func (d *durations[K]) of(labels, rest K) *duration {
	one, ok := d.series[labels]
	if !ok && len(d.series) >= maxLabels {
		labels = rest
		one, ok = d.series[labels]
	}
	if !ok {
		one = &duration{counts: make([]uint64, len(d.metric.Bounds)+1), since: d.last, changed: d.last}
		d.series[labels] = one
	}
	return one
}

func (d *durations[K]) count(one *duration, took time.Duration, e exemplar) {
	seconds := max(0, took.Seconds())
	at, _ := slices.BinarySearch(d.metric.Bounds, seconds)
	one.counts[at]++
	one.grown = true
	one.sum += seconds
	one.setExemplar(e, seconds)
}

// setExemplar keeps the span that was counted with that value, if there is one.
func (one *duration) setExemplar(e exemplar, seconds float64) {
	if e.trace != (pcommon.TraceID{}) {
		e.value = seconds
		one.exemplar, one.told = e, false
	}
}

// collect adds a point for each series that has grown. An exemplar is reported once.
func (d *durations[K]) collect(out *Batch) {
	for labels, one := range d.series {
		if !one.grown {
			d.dropIdle(labels, one, out.Now)
			continue
		}
		one.grown, one.changed = false, out.Now
		out.Since = one.since
		if out.Since.IsZero() {
			out.Since = out.Last
		}
		one.since = out.Since
		point := out.Histogram(&d.metric, d.place(labels), one.counts, one.sum)
		d.label(labels, point.Attributes())
		if one.exemplar.trace != (pcommon.TraceID{}) && !one.told {
			putExemplar(point.Exemplars().AppendEmpty(), one.exemplar)
			one.told = true
		}
	}
	d.last = out.Now
}

// dropIdle makes room for other labels.
func (d *durations[K]) dropIdle(labels K, one *duration, now time.Time) {
	if now.Sub(one.changed) > idle {
		one.dropped = true
		delete(d.series, labels)
	}
}

func putExemplar(to pmetric.Exemplar, e exemplar) {
	to.SetTimestamp(pcommon.NewTimestampFromTime(e.at))
	to.SetDoubleValue(e.value)
	to.SetTraceID(e.trace)
	to.SetSpanID(e.span)
}
