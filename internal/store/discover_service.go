// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"maps"
	"slices"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/semconv"
	"github.com/tapio/tapio/internal/store/budget"
	"github.com/tapio/tapio/internal/store/intern"
)

const (
	// tallyBytes is charged for what is counted of one service, operation, label or
	// edge, beside its texts.
	tallyBytes = 512
	// kernelSource is the value of sourceKey in what the kernel saw.
	kernelSource = "ebpf"
	sourceKey    = semconv.Source
	namespaceKey = "namespace"
	instanceKey  = semconv.ServiceInstanceID
)

// serviceTally is what is counted of one service.
type serviceTally struct {
	service               model.Service
	namespaces, instances map[string]bool
	extent                extent
	// Requests as the service itself reports them, and as the kernel saw them. The
	// same request may be in both.
	own, seen requests
}

// serviceTallies counts services.
type serviceTallies struct {
	account   *budget.Account
	tallies   map[string]*serviceTally
	service   model.LabelKey
	namespace model.LabelKey
	instance  model.LabelKey
}

func newServiceTallies(a *budget.Account) *serviceTallies {
	return &serviceTallies{
		account: a, tallies: map[string]*serviceTally{},
		service: model.NewLabelKey(semconv.ServiceName), namespace: model.NewLabelKey(namespaceKey), instance: model.NewLabelKey(instanceKey),
	}
}

// of returns the tally of a record's service.
func (t *serviceTallies) of(labels model.Labels, signal model.Signal) (*serviceTally, error) {
	return t.named(textOf(labels, t.service), textOf(labels, t.namespace), textOf(labels, t.instance), signal)
}

// named returns the tally of a service and notes one of its instances.
func (t *serviceTallies) named(name, namespace, instance string, signal model.Signal) (*serviceTally, error) {
	tally, known := t.tallies[name]
	if !known {
		if err := t.account.Take(tallyBytes + int64(len(name))); err != nil {
			return nil, err
		}
		tally = &serviceTally{service: model.Service{Name: name}, namespaces: map[string]bool{}, instances: map[string]bool{}}
		t.tallies[name] = tally
	}
	tally.service.Signals = tally.service.Signals.With(signal)
	if err := t.note(tally.namespaces, namespace); err != nil {
		return nil, err
	}
	return tally, t.note(tally.instances, instance)
}

func (t *serviceTallies) note(set map[string]bool, text string) error {
	if text == "" || set[text] {
		return nil
	}
	set[text] = true
	return t.account.Take(int64(intern.InternBytes + len(text)))
}

func textOf(labels model.Labels, key model.LabelKey) string {
	v, _ := labels.Get(key)
	return v.Text()
}

func (t *serviceTallies) event(e *model.Event) error {
	tally, err := t.of(e.Labels(), model.SignalLogs)
	if err != nil {
		return err
	}
	tally.event(e)
	return nil
}

func (t *serviceTally) event(e *model.Event) {
	t.service.Logs++
	if e.Severity() >= model.SeverityError {
		t.service.ErrorLogs++
	}
	t.saw(e.When())
}

func (t *serviceTallies) span(s *model.Span) error {
	tally, err := t.of(s.Labels(), model.SignalTraces)
	if err != nil {
		return err
	}
	tally.span(s, fromKernel(s.Labels()))
	return nil
}

func (t *serviceTally) span(s *model.Span, kernel bool) {
	t.service.Spans++
	t.saw(s.Start)
	switch {
	case !isRequest(s.Kind):
	case kernel:
		t.seen.addSpan(s)
	default:
		t.own.addSpan(s)
	}
}

func fromKernel(labels model.Labels) bool {
	v, _ := labels.Attribute(sourceKey)
	return v.Str() == kernelSource
}

// saw notes a time, of which 0 is none.
func (t *serviceTally) saw(at model.Nanos) {
	if at != 0 {
		t.extent.add(extent{at, at})
	}
}

// result completes what was counted.
func (t *serviceTally) result(over model.TimeRange) model.Service {
	s := t.service
	s.First, s.Last = t.extent.oldest, t.extent.newest
	s.Namespaces = slices.Sorted(maps.Keys(t.namespaces))
	s.InstanceCount = len(t.instances)
	s.Instances = slices.Sorted(maps.Keys(t.instances))
	s.Instances = s.Instances[:min(len(s.Instances), model.MaxInstances)]
	s.RED = t.requests().red(over)
	s.RED.Kernel = t.own.count == 0 && t.seen.count > 0
	return s
}

// requests returns what the service reports, else what the kernel saw.
func (t *serviceTally) requests() *requests {
	if t.own.count > 0 {
		return &t.own
	}
	return &t.seen
}

// ListServices implements query.Discoverer.
func (s *Store) ListServices(ctx context.Context, q model.ServiceQuery) (model.List[model.Service], error) {
	a := s.budget.Account(ctx)
	defer a.Close()
	tallies := newServiceTallies(a)
	events := s.scanEvents(model.EventQuery{Filter: q.Filter}, a)
	selected := func(service string) bool { return isAmong(q.Filter.Services, service) }
	merge := func(known *summary) (bool, error) { return true, tallies.merge(known.services, selected) }
	events.whole = isWholeOfServices(&q.Filter)
	if err := events.eachOr(ctx, merge, tallies.event); err != nil {
		return model.List[model.Service]{}, err
	}
	spans := s.scanSpans(model.TraceQuery{Filter: q.Filter}, a)
	spans.whole = events.whole
	if err := spans.eachOr(ctx, merge, tallies.span); err != nil {
		return model.List[model.Service]{}, err
	}
	if err := s.countServices(ctx, &q.Filter, tallies); err != nil {
		return model.List[model.Service]{}, err
	}
	items := make([]listed[model.Service], 0, len(tallies.tallies))
	over := s.covered(q.Filter.Time)
	for name, tally := range tallies.tallies {
		service := tally.result(over)
		place := model.ListPlace{Key: model.ListKey(name), Count: service.Logs + service.Spans + service.Series}
		items = append(items, listed[model.Service]{service, place, textBytes(service.Instances...) + textBytes(service.Namespaces...)})
	}
	return pageOf(items, q.Paging), nil
}

// countServices counts series by service.
func (s *Store) countServices(ctx context.Context, filter *model.Filter, tallies *serviceTallies) error {
	if isWhole(filter) {
		return s.countOwned(ctx, filter.Time, tallies)
	}
	return s.countSeries(ctx, filter, nil, tallies.account, tallies.series)
}

func (t *serviceTallies) series(s *model.Series, widen func(*extent)) error {
	tally, err := t.of(s.Labels(), model.SignalMetrics)
	if err != nil {
		return err
	}
	tally.service.Series++
	widen(&tally.extent)
	return nil
}
