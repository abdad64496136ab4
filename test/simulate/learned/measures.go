// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package learned

import (
	"math"
	"slices"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

const (
	// Bucket is the time that one vector of measures covers, in nanoseconds.
	Bucket = int64(10e9)
	// dimensions of a vector: rate, failures, median and 95th percentile of durations.
	dimensions = 4
)

// vector holds the measures of one bucket: log(1+requests), the share that failed, and
// the logarithms of the median and 95th percentile of durations in milliseconds. In a
// bucket without requests the last three are those of the one before.
type vector [dimensions]float64

// Measures collects what the models see. The zero value is not usable, see NewMeasures.
type Measures struct {
	start    int64
	entities map[string]*requests
	// calls are the entities that each service calls.
	calls map[string]map[string]bool
}

// requests are those of one entity, by bucket.
type requests struct {
	buckets []bucketOf
	service bool // it sends spans of its own
}

type bucketOf struct {
	failed    int
	durations []float64 // milliseconds
}

// NewMeasures returns measures that begin at an event time in nanoseconds.
func NewMeasures(start int64) *Measures {
	return &Measures{start: start, entities: map[string]*requests{}, calls: map[string]map[string]bool{}}
}

// Add takes in spans.
func (m *Measures) Add(traces ptrace.Traces) {
	for _, resource := range traces.ResourceSpans().All() {
		name := text(resource.Resource().Attributes(), "service.name")
		for _, scope := range resource.ScopeSpans().All() {
			for _, span := range scope.Spans().All() {
				m.add(name, span)
			}
		}
	}
}

func (m *Measures) add(service string, span ptrace.Span) {
	switch span.Kind() {
	case ptrace.SpanKindServer, ptrace.SpanKindConsumer:
		of := m.of(service)
		if !of.service { // what callers saw of it before is the same requests
			*of = requests{service: true}
		}
		m.count(of, span)
	case ptrace.SpanKindClient, ptrace.SpanKindProducer:
		to := text(span.Attributes(), "server.address")
		if to == "" || to == service {
			return
		}
		if m.calls[service] == nil {
			m.calls[service] = map[string]bool{}
		}
		m.calls[service][to] = true
		if of := m.of(to); !of.service {
			m.count(of, span)
		}
	}
}

func (m *Measures) of(name string) *requests {
	if m.entities[name] == nil {
		m.entities[name] = &requests{}
	}
	return m.entities[name]
}

func (m *Measures) count(of *requests, span ptrace.Span) {
	at := int((int64(span.EndTimestamp()) - m.start) / Bucket)
	if at < 0 {
		return
	}
	for len(of.buckets) <= at {
		of.buckets = append(of.buckets, bucketOf{})
	}
	b := &of.buckets[at]
	if span.Status().Code() == ptrace.StatusCodeError {
		b.failed++
	}
	b.durations = append(b.durations, float64(span.EndTimestamp()-span.StartTimestamp())/1e6)
}

// series returns the vectors of an entity for n buckets.
func (r *requests) series(n int) []vector {
	list := make([]vector, n)
	var last vector
	for i := range list {
		v := last
		v[0] = 0
		if i < len(r.buckets) && len(r.buckets[i].durations) > 0 {
			v = r.buckets[i].vector()
		}
		list[i], last = v, v
	}
	return list
}

func (b *bucketOf) vector() vector {
	sorted := slices.Sorted(slices.Values(b.durations))
	n := len(sorted)
	return vector{
		math.Log1p(float64(n)), float64(b.failed) / float64(n),
		math.Log(sorted[n/2] + 0.01), math.Log(sorted[min(n*95/100, n-1)] + 0.01),
	}
}

func text(attributes pcommon.Map, key string) string {
	value, _ := attributes.Get(key)
	return value.AsString()
}
