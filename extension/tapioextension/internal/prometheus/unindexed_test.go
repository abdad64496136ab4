// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package prometheus

import (
	"context"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/query"
)

// listed is a reader without an index that knows some metrics, and notes which are read.
type listed struct {
	query.MetricReader
	metrics []*model.Metric
	asked   []string
}

func (l *listed) ListMetrics(context.Context, model.MetricQuery) (list model.List[model.MetricInfo], _ error) {
	for _, m := range l.metrics {
		list.Items = append(list.Items, model.MetricInfo{Metric: m})
	}
	return list, nil
}

func (l *listed) SelectSeries(_ context.Context, q model.SeriesQuery) (query.SeriesSet, error) {
	l.asked = q.Names
	return noSeries{}, nil
}

// noSeries is an empty set.
type noSeries struct{ query.SeriesSet }

func (noSeries) Len() int         { return 0 }
func (noSeries) Take(int64) error { return nil }
func (noSeries) Close()           {}

// Of a backend without an index only the metrics are read that a query may mean.
func TestOnlyNamedMetricsAreRead(t *testing.T) {
	reader := &listed{metrics: []*model.Metric{
		{Name: "http.server.requests", Unit: "{request}", Type: model.MetricSum, Monotonic: true, Temporality: model.TemporalityCumulative},
		{Name: "http.server.duration", Unit: "s", Type: model.MetricHistogram, Temporality: model.TemporalityDelta},
		{Name: "queue.size", Type: model.MetricGauge},
	}}
	queryable := NewQueryable(reader, Naming{}, time.Minute)
	for _, c := range []struct {
		matcher *labels.Matcher
		want    []string
	}{
		{labels.MustNewMatcher(labels.MatchEqual, nameLabel, "http_server_requests_total"), []string{noMetric, "http.server.requests"}},
		{labels.MustNewMatcher(labels.MatchEqual, nameLabel, "http_server_duration_seconds_bucket"), []string{noMetric, "http.server.duration"}},
		{labels.MustNewMatcher(labels.MatchRegexp, nameLabel, "http.*"), []string{noMetric, "http.server.requests", "http.server.duration"}},
		{labels.MustNewMatcher(labels.MatchEqual, nameLabel, "queue.size"), []string{noMetric, "queue.size"}},
		{labels.MustNewMatcher(labels.MatchEqual, nameLabel, "unknown"), []string{noMetric}},
		{labels.MustNewMatcher(labels.MatchRegexp, nameLabel, ".+"), nil},
		{labels.MustNewMatcher(labels.MatchEqual, nameLabel, targetInfoName), nil},
		{labels.MustNewMatcher(labels.MatchEqual, "job", "shop"), nil},
	} {
		querier, err := queryable.Querier(0, 1000)
		require.NoError(t, err)
		set := querier.Select(t.Context(), false, nil, c.matcher)
		require.False(t, set.Next())
		require.NoError(t, set.Err())
		require.Equal(t, c.want, reader.asked, c.matcher.String())
		require.NoError(t, querier.Close())
	}
}
