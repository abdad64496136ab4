// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"context"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/semconv"
)

// near requires a duration within the 3.2 % that estimated percentiles may be off.
func near(t *testing.T, want, got time.Duration) {
	t.Helper()
	require.InEpsilon(t, float64(want), float64(got), 0.033)
}

// durationsOf returns the sorted durations of the spans for which keep holds.
func (d *dataset) durationsOf(keep func(*model.Span) bool) []time.Duration {
	var list []time.Duration
	for i := range d.spans {
		if keep(&d.spans[i]) {
			list = append(list, time.Duration(d.spans[i].Duration()))
		}
	}
	slices.Sort(list)
	return list
}

// requireRED requires the figures of the spans for which keep holds.
func (s *suite) requireRED(t *testing.T, got model.RED, keep func(*model.Span) bool) {
	t.Helper()
	took := s.data.durationsOf(keep)
	failed := s.data.durationsOf(func(span *model.Span) bool { return keep(span) && span.StatusCode == model.StatusError })
	require.Equal(t, uint64(len(took)), got.Requests)
	require.Equal(t, uint64(len(failed)), got.Errors)
	if len(took) == 0 {
		return
	}
	at := func(q float64) time.Duration { return took[int(math.Ceil(q*float64(len(took))))-1] }
	near(t, at(0.5), got.P50)
	near(t, at(0.95), got.P95)
	near(t, at(0.99), got.P99)
}

func serviceOf(r *model.Resource) string { return r.Service() }

func (s *suite) services(t *testing.T) {
	for name, filter := range map[string]model.Filter{
		"all":      {},
		"range":    {Time: model.TimeRange{Start: datasetStart + 2*minute, End: datasetStart + 5*minute}},
		"services": {Services: []string{"gateway", "billing"}},
		"errors":   {MinSeverity: model.SeverityError},
		"version":  {Selectors: []model.Selector{selector(t, "version", "=", "2.0.1")}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, limit := range []int{1, 100} {
				got := listOf(t, model.ListPaging{Limit: limit}, func(ctx context.Context, paging model.ListPaging) (model.List[model.Service], error) {
					return s.reader.ListServices(ctx, model.ServiceQuery{Filter: filter, Paging: paging})
				})
				s.requireServices(t, got, filter)
			}
		})
	}
	byCount := answer(t, func(ctx context.Context) (model.List[model.Service], error) {
		return s.reader.ListServices(ctx, model.ServiceQuery{Paging: model.ListPaging{Limit: 10, ByCount: true}})
	})
	require.True(t, slices.IsSortedFunc(byCount.Items, func(a, b model.Service) int {
		return int(int64(b.Logs+b.Spans+b.Series) - int64(a.Logs+a.Spans+a.Series))
	}))
	require.Len(t, byCount.Items, 4)
}

func (s *suite) requireServices(t *testing.T, got []model.Service, filter model.Filter) {
	t.Helper()
	want := s.expectedServices(filter)
	require.Len(t, got, len(want))
	name := ""
	for i := range got {
		require.True(t, i == 0 || name < got[i].Name, "by name")
		name = got[i].Name
		w := want[name]
		require.NotNil(t, w, name)
		red := got[i].RED
		if red.Metrics { // a server counts the requests of services without spans; a backend does not
			red = model.RED{}
		}
		s.requireRED(t, red, func(span *model.Span) bool {
			return filter.MatchSpan(span) && serviceOf(span.Resource) == name && (span.Kind == 2 || span.Kind == 5)
		})
		g := got[i]
		g.RED = model.RED{}
		require.Equal(t, *w, g)
	}
}

// expectedServices counts the dataset record by record.
func (s *suite) expectedServices(filter model.Filter) map[string]*model.Service {
	services := map[string]*model.Service{}
	note := func(labels model.Labels, signal model.Signal, at model.Nanos) *model.Service {
		name := serviceOf(labels.Resource)
		one := services[name]
		if one == nil {
			one = &model.Service{Name: name, First: at}
			services[name] = one
		}
		one.Signals = one.Signals.With(signal)
		one.First, one.Last = min(one.First, at), max(one.Last, at)
		namespace, _ := labels.Get(model.NewLabelKey("namespace"))
		instance, _ := labels.Get(model.NewLabelKey("instance"))
		one.Namespaces = withText(one.Namespaces, namespace.Text())
		one.Instances = withText(one.Instances, instance.Text())
		one.InstanceCount = len(one.Instances)
		return one
	}
	for i := range s.data.events {
		if e := &s.data.events[i]; filter.MatchEvent(e) {
			one := note(e.Labels(), model.SignalLogs, e.When())
			one.Logs++
			if e.Severity() >= model.SeverityError {
				one.ErrorLogs++
			}
		}
	}
	for i := range s.data.spans {
		if span := &s.data.spans[i]; filter.MatchSpan(span) {
			note(span.Labels(), model.SignalTraces, span.Start).Spans++
		}
	}
	seen := map[string]bool{}
	for i := range s.data.points {
		p := &s.data.points[i]
		if !filter.Time.Contains(p.Time) || !filter.MatchSeries(p.Series) {
			continue
		}
		one := note(p.Series.Labels(), model.SignalMetrics, p.Time)
		if name := seriesName(p.Series); !seen[name] {
			seen[name] = true
			one.Series++
		}
	}
	return services
}

// withText returns the sorted list with one more text, unless it is empty.
func withText(list []string, text string) []string {
	at, found := slices.BinarySearch(list, text)
	if found || text == "" {
		return list
	}
	return slices.Insert(list, at, text)
}

func (s *suite) operations(t *testing.T) {
	type key struct {
		service, name string
		kind          int32
	}
	for name, q := range map[string]model.OperationQuery{
		"all":     {},
		"kinds":   {Kinds: []int32{2}},
		"service": {Filter: model.Filter{Services: []string{"orders"}}},
		"range":   {Filter: model.Filter{Time: model.TimeRange{Start: datasetStart + minute, End: datasetStart + 4*minute}}},
		"label":   {Filter: model.Filter{Selectors: []model.Selector{selector(t, semconv.HTTPRequestMethod, "=", "POST")}}},
	} {
		t.Run(name, func(t *testing.T) {
			want := map[key]bool{}
			selects := func(span *model.Span) bool {
				return q.Filter.MatchSpan(span) && (len(q.Kinds) == 0 || slices.Contains(q.Kinds, span.Kind))
			}
			for i := range s.data.spans {
				if span := &s.data.spans[i]; selects(span) {
					want[key{serviceOf(span.Resource), span.Name, span.Kind}] = true
				}
			}
			got := listOf(t, model.ListPaging{Limit: 2}, func(ctx context.Context, paging model.ListPaging) (model.List[model.Operation], error) {
				q.Paging = paging
				return s.reader.ListOperations(ctx, q)
			})
			require.Len(t, got, len(want))
			for _, o := range got {
				require.True(t, want[key{o.Service, o.Name, o.Kind}])
				s.requireRED(t, o.RED, func(span *model.Span) bool {
					return selects(span) && serviceOf(span.Resource) == o.Service && span.Name == o.Name && span.Kind == o.Kind
				})
			}
		})
	}
}

func (s *suite) metrics(t *testing.T) {
	got := listOf(t, model.ListPaging{Limit: 4}, func(ctx context.Context, paging model.ListPaging) (model.List[model.MetricInfo], error) {
		return s.reader.ListMetrics(ctx, model.MetricQuery{Paging: paging})
	})
	var names []string
	for _, m := range got {
		names = append(names, m.Metric.Name)
		require.Equal(t, []string{"billing", "gateway", "orders"}, m.Services)
		require.Equal(t, datasetStart, m.First)
		require.Equal(t, datasetStart+(pointCount-1)*pointEvery, m.Last)
		require.Equal(t, "the "+m.Metric.Name, m.Metric.Description)
		require.Equal(t, map[bool]uint64{true: 10, false: 5}[m.Metric.Name == queueSize], m.Series)
	}
	require.Equal(t, []string{active, totalTook, gcPause, durations, requests, queueSize, latency, sentBytes, temperature}, names)

	some := answer(t, func(ctx context.Context) (model.List[model.MetricInfo], error) {
		return s.reader.ListMetrics(ctx, model.MetricQuery{
			Names: []string{"http.*"}, Filter: model.Filter{Services: []string{"orders"}}, Paging: model.ListPaging{Limit: 10},
		})
	})
	require.Len(t, some.Items, 2)
	require.Equal(t, model.MetricHistogram, some.Items[0].Metric.Type)
	require.Equal(t, model.TemporalityDelta, some.Items[0].Metric.Temporality)
	require.Equal(t, model.MetricSum, some.Items[1].Metric.Type)
	require.True(t, some.Items[1].Metric.Monotonic)
	require.Equal(t, uint64(2), some.Items[1].Series)
}
