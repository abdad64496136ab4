// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package slo

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/semconv"
)

const (
	// seriesBytes is about what the counts of one objective take in memory.
	seriesBytes = 26 << 10
	// operationBytes is about what an operation takes that is being learned.
	operationBytes = 1 << 10

	kindServer, kindConsumer = 2, 5
	// instrumentedFor is how long after its last span of an SDK what the kernel sees of
	// a service is not counted: it is the same requests.
	instrumentedFor = model.Nanos(10 * time.Minute)
)

// Options is what a Tracker needs.
type Options struct {
	Objectives []Objective
	Alerts     []BurnAlert
	// MinFailures is how many requests must be bad in the long window of an alert.
	MinFailures float64
	Automatic   Automatic
	// MemoryLimit bounds what is counted, in bytes.
	MemoryLimit int64
	Now         func() time.Time
	// Write stores the records that report burning.
	Write func(ctx context.Context, events []model.Event) error
	// Failed is called for each error of Write, and of the file.
	Failed func(err error)
}

// Tracker counts the requests that entry spans report. Its methods may be called
// from several goroutines.
type Tracker struct {
	options Options

	mu       sync.Mutex // guards what follows
	services map[serviceKey]*service
	series   map[string]*series // by the id of their objective
	used     int64              // bytes, about
	refused  uint64             // objectives and operations for which there was no memory
	latest   model.Nanos        // event time of the newest request
	latestAt time.Time          // when it came
	path     string             // of the file, "" for none
}

type serviceKey struct{ namespace, name string }

// service is what is known of a service.
type service struct {
	serviceKey
	operations   map[string]*operation
	instrumented model.Nanos // last span of an SDK
}

// operation is an entry span's name in a service.
type operation struct {
	series  []*series
	learned *baseline // nil once it is known, or not wanted
}

// series counts the requests of one objective of one service.
type series struct {
	Objective Objective
	History   history
	Firing    map[string]model.Nanos // since when, by alert
}

// New makes a tracker.
func New(options Options) *Tracker {
	return &Tracker{options: options, services: map[serviceKey]*service{}, series: map[string]*series{}}
}

// Reconfigure takes over other options. Objectives that they do not have are kept until
// Settle.
func (t *Tracker) Reconfigure(options Options) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.options = options
	t.services = map[serviceKey]*service{}
	t.used = int64(len(t.series)) * seriesBytes
}

// Settle forgets the counts of objectives that are no longer configured.
func (t *Tracker) Settle() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for id, s := range t.series {
		if !t.wanted(&s.Objective) {
			delete(t.series, id)
			t.used -= seriesBytes
		}
	}
}

// wanted reports whether the options still ask for an objective.
func (t *Tracker) wanted(o *Objective) bool {
	if o.Automatic {
		return t.options.Automatic.Enabled
	}
	return slices.ContainsFunc(t.options.Objectives, func(c Objective) bool {
		return c.Name == o.Name && c.Type == o.Type && c.Target == o.Target && c.Threshold == o.Threshold &&
			c.Window == o.Window && (c.Service == "*" || c.Service == o.Service)
	})
}

// Observe counts the entry spans among those that are stored.
func (t *Tracker) Observe(spans []model.Span) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.options.Now()
	var resource *model.Resource
	var of *service
	for i := range spans {
		span := &spans[i]
		if span.Kind != kindServer && span.Kind != kindConsumer || span.End == 0 {
			continue
		}
		if span.Resource != resource || of == nil {
			resource = span.Resource
			of = t.serviceOf(resource)
		}
		if of != nil {
			t.count(of, span, now)
		}
	}
}

// serviceOf returns the service of a resource, nil if it has none or there is no
// memory for one more.
func (t *Tracker) serviceOf(r *model.Resource) *service {
	name, _ := r.Attributes.Get(semconv.ServiceName)
	if name.Text() == "" {
		return nil
	}
	key := serviceKey{name: name.Text()}
	for _, attribute := range []string{semconv.K8sNamespaceName, semconv.ServiceNamespace} {
		if v, found := r.Attributes.Get(attribute); found && key.namespace == "" {
			key.namespace = v.Text()
		}
	}
	known := t.services[key]
	if known == nil {
		if !t.take(operationBytes) {
			return nil
		}
		key = serviceKey{strings.Clone(key.namespace), strings.Clone(key.name)}
		known = &service{serviceKey: key, operations: map[string]*operation{}}
		t.services[key] = known
	}
	return known
}

func (t *Tracker) take(bytes int64) bool {
	if t.used+bytes > t.options.MemoryLimit {
		t.refused++
		return false
	}
	t.used += bytes
	return true
}

func (t *Tracker) count(of *service, span *model.Span, now time.Time) {
	at := min(span.End, model.Nanos(now.UnixNano()))
	if source, _ := span.Resource.Attributes.Get(semconv.Source); source.Text() != "ebpf" {
		of.instrumented = max(of.instrumented, at)
	} else if of.instrumented > 0 && at < of.instrumented+instrumentedFor {
		return
	}
	if at >= t.latest {
		t.latest, t.latestAt = at, now
	}
	op := of.operations[span.Name]
	if op == nil {
		if op = t.operationOf(of, span.Name); op == nil {
			return
		}
	}
	weight, failed, took := adjustedCount(span.TraceState), isFailure(span), time.Duration(span.Duration())
	for _, s := range op.series {
		s.count(at, weight, failed, took)
	}
	if op.learned != nil && op.learned.add(at, failed, took) {
		t.automate(of, op, span.Name)
	}
}

func (s *series) count(at model.Nanos, weight float64, failed bool, took time.Duration) {
	c := counts{Total: weight}
	if s.Objective.Type == Latency {
		if failed {
			return // counts for availability
		}
		failed = took > s.Objective.Threshold
	}
	if failed {
		c.Bad = weight
	}
	s.History.add(at, c)
}

// operationOf finds the objectives of an operation that is seen for the first time.
func (t *Tracker) operationOf(of *service, name string) *operation {
	if !t.take(operationBytes) {
		return nil
	}
	name = strings.Clone(name) // the record that it came with goes
	op := &operation{}
	for i := range t.options.Objectives {
		if o := &t.options.Objectives[i]; o.matches(of.namespace, of.name, name) {
			one := *o
			one.Service = of.name
			if s := t.seriesOf(one); s != nil {
				op.series = append(op.series, s)
			}
		}
	}
	op.series = append(op.series, t.automaticOf(of, name)...)
	if t.options.Automatic.Enabled && len(op.series) == 0 {
		op.learned = &baseline{}
	}
	of.operations[name] = op
	return op
}

// seriesOf returns the counts of an objective, nil if there is no memory for them.
func (t *Tracker) seriesOf(o Objective) *series {
	id := o.ID()
	if known := t.series[id]; known != nil {
		known.Objective = o
		return known
	}
	if !t.take(seriesBytes) {
		return nil
	}
	s := &series{Objective: o, History: newHistory(o.Window), Firing: map[string]model.Nanos{}}
	t.series[id] = s
	return s
}

// isFailure reports whether a request failed by its status, or by its HTTP status
// where the span has none.
func isFailure(span *model.Span) bool {
	if span.StatusCode == model.StatusError {
		return true
	}
	for i := range span.Attributes {
		switch kv := &span.Attributes[i]; kv.Key {
		case semconv.HTTPResponseStatusCode, semconv.HTTPStatusCode:
			return kv.Value.Int() >= 500
		}
	}
	return false
}

// maxAdjusted bounds what one span may stand for: a foreign tracestate must not
// outweigh all that was seen.
const maxAdjusted = 1 << 16

// adjustedCount returns how many requests a span stands for, by the threshold of
// OpenTelemetry's probability sampling in its tracestate: ot=th:c is one of four.
func adjustedCount(state string) float64 {
	const digits, all = 14, 1 << 56
	for member := range strings.SplitSeq(state, ",") {
		fields, found := strings.CutPrefix(strings.TrimSpace(member), "ot=")
		if !found {
			continue
		}
		for field := range strings.SplitSeq(fields, ";") {
			text, found := strings.CutPrefix(field, "th:")
			if !found || text == "" || len(text) > digits {
				continue
			}
			threshold, err := strconv.ParseUint(text, 16, 64)
			if err != nil {
				return 1
			}
			threshold <<= 4 * (digits - len(text))
			return min(float64(all)/float64(all-threshold), maxAdjusted)
		}
	}
	return 1
}
