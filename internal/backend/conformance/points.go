// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/semconv"
)

// pointName identifies a point of the dataset.
func pointName(p *model.Point) string { return fmt.Sprint(p.Time, " ", seriesName(p.Series)) }

// seriesName identifies a series of the dataset: the metric, its instance and its own
// attributes.
func seriesName(s *model.Series) string {
	instance, _ := s.Resource.Attributes.Get(semconv.ServiceInstanceID)
	name := s.Metric.Name + " " + instance.Text()
	for _, kv := range s.Attributes {
		name += fmt.Sprint(" ", kv.Key, "=", kv.Value.Text())
	}
	return name
}

func pointNames(points []model.Point) []string {
	names := make([]string, len(points))
	for i := range points {
		names[i] = pointName(&points[i])
	}
	return names
}

func (d *dataset) selectedPoints(q *model.PointQuery) []model.Point {
	var points []model.Point
	for i := range d.points {
		if q.MatchPoint(d.points[i].Series, d.points[i].Time) {
			points = append(points, d.points[i])
		}
	}
	return points
}

func (s *suite) allPoints(t *testing.T, q model.PointQuery) []model.Point {
	rows, _ := pagesOf(t, q.Paging, func(ctx context.Context, paging model.Paging) (model.Page[model.Point], error) {
		q.Paging = paging
		return s.reader.QueryPoints(ctx, q)
	})
	return rows
}

func (s *suite) pointFilters(t *testing.T) {
	for name, q := range map[string]model.PointQuery{
		"all":                {},
		"name":               {Names: []string{queueSize}},
		"beginning of names": {Names: []string{"http.*", "gc*"}},
		"no such name":       {Names: []string{"no.such.metric"}},
		"time":               {Names: []string{requests}, Filter: model.Filter{Time: model.TimeRange{Start: datasetStart + minute, End: datasetStart + 2*minute}}},
		"label":              {Filter: model.Filter{Selectors: []model.Selector{selector(t, "queue", "=", "mail")}}},
		"label of resource":  {Filter: model.Filter{Selectors: []model.Selector{selector(t, "instance", "=~", "orders-.")}}},
		"no such label":      {Filter: model.Filter{Selectors: []model.Selector{selector(t, "queue", "!exists")}}},
		"service":            {Filter: model.Filter{Services: []string{"billing"}}},
		"not that service":   {Filter: model.Filter{Services: []string{"billing"}, Invert: true}, Names: []string{temperature}},
		"text":               {Filter: model.Filter{Text: "pause"}},
		"text of a label":    {Filter: model.Filter{Text: model.FoldText("PRINT")}},
	} {
		t.Run(name, func(t *testing.T) {
			q.Paging.Limit = 10_000
			require.ElementsMatch(t, pointNames(s.data.selectedPoints(&q)), pointNames(s.allPoints(t, q)))
		})
	}
}

// pointContent requires that points come back as they were written.
func (s *suite) pointContent(t *testing.T) {
	written := map[string]*model.Point{}
	for i := range s.data.points {
		written[pointName(&s.data.points[i])] = &s.data.points[i]
	}
	for _, p := range s.allPoints(t, model.PointQuery{Paging: model.Paging{Limit: 10_000}}) {
		want := written[pointName(&p)]
		require.NotNil(t, want)
		require.Equal(t, *want.Series.Metric, *p.Series.Metric)
		require.Equal(t, *want.Series.Resource, *p.Series.Resource)
		require.Equal(t, *want.Series.Scope, *p.Series.Scope)
		require.Equal(t, want.Series.Attributes, p.Series.Attributes)
		require.True(t, want.SameValue(&p), "%+v\n%+v", want, p)
	}
}

func (s *suite) pointPages(t *testing.T) {
	for _, ascending := range []bool{false, true} {
		for _, limit := range []int{7, 250} {
			q := model.PointQuery{Names: []string{queueSize}, Paging: model.Paging{Limit: limit, Ascending: ascending}}
			got := s.allPoints(t, q)
			require.ElementsMatch(t, pointNames(s.data.selectedPoints(&q)), pointNames(got), "no gap, no repeat")
			require.True(t, slices.IsSortedFunc(got, func(a, b model.Point) int {
				if ascending {
					a, b = b, a
				}
				return int(int64(b.Time) - int64(a.Time))
			}))
		}
	}
}

func (s *suite) series(t *testing.T) {
	times := model.TimeRange{Start: datasetStart + minute, End: datasetStart + 3*minute}
	for name, q := range map[string]model.SeriesQuery{
		"counter":   {Names: []string{requests}, Filter: model.Filter{Time: times}},
		"gauges":    {Names: []string{queueSize, temperature}, Filter: model.Filter{Services: []string{"orders"}}},
		"histogram": {Names: []string{durations}, Filter: model.Filter{Time: times, Services: []string{"gateway"}}},
		"nothing":   {Names: []string{requests}, Filter: model.Filter{Time: model.TimeRange{Start: datasetEnd + minute}}},
	} {
		t.Run(name, func(t *testing.T) { s.oneSeriesQuery(t, q) })
	}
	_, err := s.reader.SelectSeries(within(t), model.SeriesQuery{Names: []string{queueSize}, Limit: 3})
	var exhausted *model.ExhaustedError
	require.ErrorAs(t, err, &exhausted, "more series than the limit allows")
}

func (s *suite) oneSeriesQuery(t *testing.T, q model.SeriesQuery) {
	set, err := s.reader.SelectSeries(within(t), q)
	require.NoError(t, err)
	defer set.Close()
	var got []string
	metric := ""
	for i := range set.Len() {
		require.LessOrEqual(t, metric, set.Series(i).Metric.Name, "sorted by the name of the metric")
		metric = set.Series(i).Metric.Name
		points, err := set.Points(i, nil)
		require.NoError(t, err)
		require.NotEmpty(t, points)
		for j := range points {
			points[j].Series = set.Series(i)
			require.True(t, j == 0 || points[j-1].Time <= points[j].Time, "points come in the order of time")
		}
		got = append(got, pointNames(points)...)
	}
	require.ElementsMatch(t, pointNames(s.data.selectedPoints(&model.PointQuery{Names: q.Names, Filter: q.Filter})), got)
}
