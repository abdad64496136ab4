// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/semconv"
	"github.com/tapio/tapio/internal/store/segment"
)

// shopEvents are records of a few services with the attributes that such records
// have: most are of few values, a few of many.
func shopEvents(r *rand.Rand, n int, from model.Nanos) []model.Event {
	resources := make([]*model.Resource, 5)
	for i := range resources {
		resources[i] = &model.Resource{Attributes: attributes(
			semconv.ServiceName, fmt.Sprint("service-", i%3), "k8s.namespace.name", fmt.Sprint("ns-", i%2), "service.instance.id", fmt.Sprint("pod-", i))}
	}
	rows := make([]model.Event, n)
	for i := range rows {
		rows[i] = model.Event{
			Time: from + model.Nanos(i)*1e7 + model.Nanos(r.IntN(3e8)), SeverityNumber: 9 + 4*r.Int32N(4), Body: model.StringValue("line"),
			Attributes: append(attributes("http.route", fmt.Sprint("/", r.IntN(4)), "user.id", fmt.Sprint(r.IntN(5000))),
				model.KeyValue{Key: "http.response.status_code", Value: model.IntValue(200 + 100*r.Int64N(4))}),
			Resource: resources[r.IntN(len(resources))], Scope: &model.Scope{Name: "log"},
		}
	}
	return rows
}

// counted is the plainest way to count: look at each row that a query returns.
type counted struct {
	total  uint64
	counts map[string]map[model.Nanos]uint64
	labels map[string]uint64
	values map[string]map[string]uint64
}

func count[R any](rows []R, of facts[R], when func(*R) model.Nanos, resolution time.Duration, groupBy string) counted {
	c := counted{counts: map[string]map[model.Nanos]uint64{}, labels: map[string]uint64{}, values: map[string]map[string]uint64{}}
	note := func(label, value string) {
		c.labels[label]++
		if c.values[label] == nil {
			c.values[label] = map[string]uint64{}
		}
		c.values[label][value]++
	}
	for i := range rows {
		c.total++
		value := ""
		if groupBy != "" {
			value, _ = of.of(&rows[i], model.NewLabelKey(groupBy))
		}
		bucket := model.Nanos(0)
		if resolution > 0 {
			bucket = when(&rows[i]) / model.Nanos(resolution) * model.Nanos(resolution)
		}
		if c.counts[value] == nil {
			c.counts[value] = map[model.Nanos]uint64{}
		}
		c.counts[value][bucket]++
		names := map[string]bool{}
		labels := of.labels(&rows[i])
		for _, list := range []model.Attributes{labels.Record, labels.Scope.Attributes, labels.Resource.Attributes} {
			for _, kv := range list {
				if kv.Key != "" && !names[kv.Key] {
					names[kv.Key] = true
					v, _ := labels.Attribute(kv.Key)
					note(kv.Key, v.Text())
				}
			}
		}
	}
	return c
}

func (c *counted) checkCounts(t *testing.T, got model.Counts, resolution time.Duration) {
	t.Helper()
	require.Equal(t, c.total, got.Total)
	require.Len(t, got.Groups, len(c.counts))
	for _, g := range got.Groups {
		want := c.counts[g.Value]
		require.Len(t, g.Counts, len(want), g.Value)
		for _, bucket := range g.Counts {
			start := bucket.Start
			if resolution == 0 {
				start = 0
			}
			require.Equal(t, want[start], bucket.Count, "%q at %d", g.Value, bucket.Start)
		}
	}
}

func (c *counted) checkFacets(t *testing.T, got model.Facets) {
	t.Helper()
	require.False(t, got.Estimated)
	require.Equal(t, c.total, got.Total)
	for _, f := range got.Facets {
		want, isLabel := c.values[f.Label]
		if !isLabel {
			continue // a dimension
		}
		require.Equal(t, c.labels[f.Label], f.Records, f.Label)
		if f.Estimated { // it has values that are too long to be counted for each segment
			require.LessOrEqual(t, f.Distinct, uint64(len(want)), f.Label)
			for _, v := range f.Values {
				require.LessOrEqual(t, v.Records, want[v.Value], "%s=%s", f.Label, v.Value)
			}
			continue
		}
		require.EqualValues(t, len(want), f.Distinct, f.Label)
		for _, v := range f.Values {
			require.Equal(t, want[v.Value], v.Records, "%s=%s", f.Label, v.Value)
		}
	}
}

func selectedEvents(t *testing.T, s *Store, q model.EventQuery) (rows []model.Event) {
	t.Helper()
	q.Paging.Limit = 1 << 20
	page, err := s.QueryEvents(t.Context(), q)
	require.NoError(t, err)
	require.True(t, page.Next.IsZero())
	return page.Rows
}

// selectedSpans returns the spans that a query selects, which are fewer than its traces
// have.
func selectedSpans(t *testing.T, s *Store, q model.TraceQuery) (rows []model.Span) {
	t.Helper()
	tail := s.TailSpans(q, model.Start{Resume: true})
	for {
		some, loss, more := tail.Poll(1 << 20)
		require.Zero(t, loss.Count)
		rows = append(rows, some...)
		if !more {
			return rows
		}
	}
}

// discoverStore is a store that has segments, a head and, with little memory, lost
// its oldest rows.
func discoverStore(t *testing.T, r *rand.Rand, bytes int64) *Store {
	t.Helper()
	s, _ := newTestStore(t, bytes, 0)
	s.SetLimits(Limits{Logs: bytes, Traces: bytes, Metrics: bytes, QueryMemory: 1 << 30})
	for i := range 4 {
		s.AppendEvents(shopEvents(r, 900, second(1000+9*i)))
		s.AppendEvents(richEvents(r, 200))
		s.AppendSpans(richSpans(r, 700))
	}
	s.events.compactor.Wait()
	s.spans.compactor.Wait()
	return s
}

func TestDiscoveryCountsWhatQueriesReturn(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, bytes := range []int64{64 * mebibyte, mebibyte} {
		s := discoverStore(t, r, bytes)
		for range 20 {
			q := model.CountQuery{Limit: 1 << 20, GroupBy: []string{"", "severity", "service", "http.route", "key.1", "name"}[r.IntN(6)]}
			q.Selection.Filter = randomFilter(t, r)
			if r.IntN(2) == 0 { // within the times of the shop, in which buckets are few
				start := second(1000) + model.Nanos(r.Int64N(40e9))
				q.Selection.Filter.Time = model.TimeRange{Start: start, End: start + model.Nanos(r.Int64N(20e9))}
				q.Resolution = []time.Duration{0, time.Second, 777 * time.Millisecond, time.Minute}[r.IntN(4)]
			}
			t.Run(fmt.Sprintf("%+v", q), func(t *testing.T) { checkDiscovery(t, s, q) })
		}
	}
}

func checkDiscovery(t *testing.T, s *Store, q model.CountQuery) {
	facetsOf := model.FacetQuery{Limit: 1 << 20, MaxLabels: 1 << 20}
	labelsOf := model.LabelQuery{Filter: q.Selection.Filter, Paging: model.ListPaging{Limit: 1 << 20}}
	for _, signal := range []model.Signal{model.SignalLogs, model.SignalTraces} {
		q.Selection.Signal, labelsOf.Signal = signal, signal
		var want counted
		if signal == model.SignalLogs {
			want = count(selectedEvents(t, s, q.Selection.Events()), eventFacts(), (*model.Event).When, q.Resolution, q.GroupBy)
		} else {
			want = count(selectedSpans(t, s, q.Selection.Spans()), spanFacts(), s.spans.signal.when, q.Resolution, q.GroupBy)
		}
		got, err := s.CountRecords(t.Context(), q)
		require.NoError(t, err)
		want.checkCounts(t, got, q.Resolution)
		facetsOf.Selection = q.Selection
		facets, err := s.GetFacets(t.Context(), facetsOf)
		require.NoError(t, err)
		want.checkFacets(t, facets)
		labels, err := s.ListLabels(t.Context(), labelsOf)
		require.NoError(t, err)
		require.Len(t, labels.Items, len(want.labels))
		for _, l := range labels.Items {
			require.Equal(t, want.labels[l.Name], l.Records, l.Name)
		}
		labelsOf.Label = "http.route"
		values, err := s.ListLabelValues(t.Context(), labelsOf)
		require.NoError(t, err)
		require.Len(t, values.Items, len(want.values["http.route"]))
		for _, v := range values.Items {
			require.Equal(t, want.values["http.route"][v.Value], v.Records, v.Value)
		}
	}
	checkServices(t, s, q.Selection.Filter)
}

func checkServices(t *testing.T, s *Store, filter model.Filter) {
	t.Helper()
	list, err := s.ListServices(t.Context(), model.ServiceQuery{Filter: filter, Paging: model.ListPaging{Limit: 1 << 20}})
	require.NoError(t, err)
	key := model.NewLabelKey(semconv.ServiceName)
	logs, errors, spans, requests := map[string]uint64{}, map[string]uint64{}, map[string]uint64{}, map[string]uint64{}
	for _, e := range selectedEvents(t, s, model.EventQuery{Filter: filter}) {
		name := textOf(e.Labels(), key)
		logs[name]++
		if e.Severity() >= model.SeverityError {
			errors[name]++
		}
	}
	for _, span := range selectedSpans(t, s, model.TraceQuery{Filter: filter}) {
		name := textOf(span.Labels(), key)
		spans[name]++
		if isRequest(span.Kind) {
			requests[name]++
		}
	}
	for _, service := range list.Items {
		require.Equal(t, logs[service.Name], service.Logs, service.Name)
		require.Equal(t, errors[service.Name], service.ErrorLogs, service.Name)
		require.Equal(t, spans[service.Name], service.Spans, service.Name)
		require.Equal(t, requests[service.Name], service.RED.Requests, service.Name)
		delete(logs, service.Name)
		delete(spans, service.Name)
	}
	require.Empty(t, logs)
	require.Empty(t, spans)
}

// A label that first comes in a later block of a segment is found there, and not
// looked for in the blocks before.
func TestQueryByALabelThatComesLater(t *testing.T) {
	s, _ := newTestStore(t, 64*mebibyte, 0)
	rows := events(1, 2*segment.BlockRows)
	for i := range rows[segment.BlockRows:] {
		rows[segment.BlockRows+i].Attributes = model.Attributes{{Key: "late", Value: model.IntValue(int64(i))}}
	}
	s.AppendEvents(rows)
	s.events.mu.Lock()
	s.events.closeHead()
	s.events.mu.Unlock()
	s.events.compactClosed()
	s.events.compactor.Wait()
	selector, err := model.NewSelector("late", "!=", []string{"7"})
	require.NoError(t, err)
	found := selectedEvents(t, s, model.EventQuery{Filter: model.Filter{Selectors: []model.Selector{selector}, Invert: true}})
	require.Len(t, found, 1)
}
