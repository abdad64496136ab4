// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package recordmetrics counts log records and spans as they arrive, so that there are
// series of them however soon the records themselves are evicted.
package recordmetrics

import (
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/semconv"
)

// maxNameBytes bounds the names that make a series; what is longer is folded.
const maxNameBytes = 256

// Counters are running counts, by service and kind of record. They only grow: beyond the
// most series, further ones are counted together.
type Counters struct {
	now func() time.Time

	mu     sync.Mutex
	most   int
	logs   map[logKey]*logCount
	spans  map[spanKey]*spanCount
	folded uint64 // times that a record was counted with others
}

// New returns counters of at most so many series of log records, and as many of spans.
func New(most int, now func() time.Time) *Counters {
	return &Counters{now: now, most: most, logs: map[logKey]*logCount{}, spans: map[spanKey]*spanCount{}}
}

// SetMost changes how many series there may be; those that there are stay. With 0 nothing is
// counted.
func (c *Counters) SetMost(most int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.most = most
}

// Folded is how often a record was counted with others because there were too many series.
func (c *Counters) Folded() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.folded
}

type logKey struct {
	namespace, service string
	severity           model.Severity
	overflow           bool
}

type logCount struct {
	since model.Nanos // when the first was counted
	told  bool        // that there was none before
	n     uint64
}

type spanKey struct {
	namespace, service, name, source string
	kind, status                     int32
	overflow                         bool
}

type spanCount struct {
	logCount
	sum     float64
	buckets []uint64
}

// bounds returns those of OpenTelemetry's durations of HTTP requests, in seconds.
func bounds() []float64 {
	return []float64{.005, .01, .025, .05, .075, .1, .25, .5, .75, 1, 2.5, 5, 7.5, 10}
}

// CountEvents counts log records, alerts of rules aside.
func (c *Counters) CountEvents(events []model.Event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.most == 0 {
		return
	}
	var last *logCount
	var of logKey
	var resource *model.Resource
	for i := range events {
		e := &events[i]
		if e.Scope != nil && e.Scope.Name == model.RulesScope {
			continue // an alert about a count must not change the count
		}
		severity := e.Severity()
		if last == nil || e.Resource != resource || severity != of.severity {
			resource = e.Resource
			of = logKey{severity: severity}
			of.namespace, of.service = serviceOf(resource)
			last = c.logCount(of)
		}
		last.n++
	}
}

func serviceOf(r *model.Resource) (namespace, service string) {
	if r == nil {
		return "", ""
	}
	v, _ := r.Attributes.Get(semconv.ServiceNamespace)
	return v.Text(), r.Service()
}

func (c *Counters) logCount(key logKey) *logCount {
	if found := c.logs[key]; found != nil {
		return found
	}
	if len(c.logs) >= c.most || len(key.namespace)+len(key.service) > 2*maxNameBytes {
		c.folded++
		key = logKey{severity: key.severity, overflow: true}
		if found := c.logs[key]; found != nil {
			return found
		}
	}
	key.namespace, key.service = strings.Clone(key.namespace), strings.Clone(key.service)
	made := &logCount{since: model.Nanos(c.now().UnixNano())}
	c.logs[key] = made
	return made
}

// CountSpans counts spans and how long they took.
func (c *Counters) CountSpans(spans []model.Span) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.most == 0 {
		return
	}
	limits := bounds()
	for i := range spans {
		s := &spans[i]
		key := spanKey{name: s.Name, kind: s.Kind, status: s.StatusCode}
		key.namespace, key.service = serviceOf(s.Resource)
		if source, found := s.Labels().Attribute(semconv.Source); found {
			key.source = source.Text()
		}
		n := c.spanCount(key)
		took := float64(s.Duration()) / float64(time.Second)
		n.n++
		n.sum += took
		n.buckets[sort.SearchFloat64s(limits, took)]++
	}
}

func (c *Counters) spanCount(key spanKey) *spanCount {
	if found := c.spans[key]; found != nil {
		return found
	}
	if len(c.spans) >= c.most || len(key.name) > maxNameBytes || len(key.namespace)+len(key.service) > 2*maxNameBytes {
		c.folded++
		key = spanKey{status: key.status, overflow: true}
		if found := c.spans[key]; found != nil {
			return found
		}
	}
	key.namespace, key.service = strings.Clone(key.namespace), strings.Clone(key.service)
	key.name, key.source = strings.Clone(key.name), strings.Clone(key.source)
	made := &spanCount{logCount: logCount{since: model.Nanos(c.now().UnixNano())}, buckets: make([]uint64, len(bounds())+1)}
	c.spans[key] = made
	return made
}
