// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/semconv"
)

// eachRecord calls use with the labels of every record and series that a query looks
// at.
func (d *dataset) eachRecord(q *model.LabelQuery, use func(labels model.Labels, signal model.Signal)) {
	wants := func(signal model.Signal) bool { return q.Signal == signal || q.Signal == model.SignalUnspecified }
	for i := range d.events {
		if e := &d.events[i]; wants(model.SignalLogs) && q.Filter.MatchEvent(e) {
			use(e.Labels(), model.SignalLogs)
		}
	}
	for i := range d.spans {
		if span := &d.spans[i]; wants(model.SignalTraces) && q.Filter.MatchSpan(span) {
			use(span.Labels(), model.SignalTraces)
		}
	}
	seen := map[string]bool{}
	points := model.PointQuery{Names: q.Metrics, Filter: q.Filter}
	for i := range d.points {
		p := &d.points[i]
		if name := seriesName(p.Series); wants(model.SignalMetrics) && !seen[name] && points.MatchPoint(p.Series, p.Time) {
			seen[name] = true
			use(p.Series.Labels(), model.SignalMetrics)
		}
	}
}

func labelNames(labels model.Labels) map[string]bool {
	names := map[string]bool{}
	for _, list := range []model.Attributes{labels.Record, labels.Scope.Attributes, labels.Resource.Attributes} {
		for _, kv := range list {
			names[kv.Key] = true
		}
	}
	return names
}

func labelQueries(t *testing.T) map[string]model.LabelQuery {
	return map[string]model.LabelQuery{
		"all":     {},
		"logs":    {Signal: model.SignalLogs},
		"traces":  {Signal: model.SignalTraces, Filter: model.Filter{Services: []string{"orders"}}},
		"metrics": {Signal: model.SignalMetrics, Metrics: []string{queueSize}},
		"prefix":  {Signal: model.SignalLogs, Prefix: "service."},
		"range":   {Filter: model.Filter{Time: model.TimeRange{Start: datasetStart, End: datasetStart + minute}}},
		"label":   {Signal: model.SignalLogs, Filter: model.Filter{Selectors: []model.Selector{selector(t, "ratio", "exists")}}},
	}
}

func (s *suite) labels(t *testing.T) {
	for name, q := range labelQueries(t) {
		t.Run(name, func(t *testing.T) {
			want := map[string]model.LabelInfo{}
			s.data.eachRecord(&q, func(labels model.Labels, signal model.Signal) {
				for label := range labelNames(labels) {
					if strings.HasPrefix(label, q.Prefix) {
						one := want[label]
						want[label] = model.LabelInfo{Name: label, Signals: one.Signals.With(signal), Records: one.Records + 1}
					}
				}
			})
			for _, byCount := range []bool{false, true} {
				got := listOf(t, model.ListPaging{Limit: 3, ByCount: byCount}, func(ctx context.Context, paging model.ListPaging) (model.List[model.LabelInfo], error) {
					q.Paging = paging
					return s.reader.ListLabels(ctx, q)
				})
				require.ElementsMatch(t, slices.Collect(maps.Values(want)), got)
				require.True(t, slices.IsSortedFunc(got, func(a, b model.LabelInfo) int {
					if byCount {
						return int(int64(b.Records) - int64(a.Records))
					}
					return strings.Compare(a.Name, b.Name)
				}))
			}
		})
	}
}

func (s *suite) labelValues(t *testing.T) {
	for _, label := range []string{"service", semconv.ServiceInstanceID, semconv.HTTPResponseStatusCode, "namespace", "user", "queue", "no.such.label"} {
		for name, q := range labelQueries(t) {
			if q.Prefix != "" {
				q.Prefix = "g"
			}
			q.Label = label
			t.Run(label+", "+name, func(t *testing.T) {
				want := map[string]uint64{}
				s.data.eachRecord(&q, func(labels model.Labels, _ model.Signal) {
					if v, found := labels.Get(model.NewLabelKey(label)); found && strings.HasPrefix(v.Text(), q.Prefix) {
						want[v.Text()]++
					}
				})
				got := listOf(t, model.ListPaging{Limit: 2}, func(ctx context.Context, paging model.ListPaging) (model.List[model.LabelValue], error) {
					q.Paging = paging
					return s.reader.ListLabelValues(ctx, q)
				})
				counts := map[string]uint64{}
				for _, v := range got {
					counts[v.Value] = v.Records
				}
				require.Equal(t, want, counts)
				require.Len(t, got, len(want))
			})
		}
	}
	if !s.logsOnly {
		s.dimensions(t)
	}
}

// dimensions are what has no attribute of its own: they are listed under their names.
func (s *suite) dimensions(t *testing.T) {
	for label, want := range map[string][]string{
		model.DimensionStatus: {"error", "ok", "unset"}, model.DimensionKind: {"client", "server"},
	} {
		list := answer(t, func(ctx context.Context) (model.List[model.LabelValue], error) {
			return s.reader.ListLabelValues(ctx, model.LabelQuery{Signal: model.SignalTraces, Label: label, Paging: model.ListPaging{Limit: 100}})
		})
		var got []string
		for _, v := range list.Items {
			got = append(got, v.Value)
		}
		require.Equal(t, want, got)
	}
}
