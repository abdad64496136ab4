// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package protoconv

import (
	"time"

	"github.com/tapio/tapio/internal/model"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

const (
	maxMetricNames   = 100
	maxGroupKeys     = 32
	maxGroupKeyBytes = 256
	maxWindows       = 11_000
)

// GetPointsQuery reads a query for points as they are stored.
func GetPointsQuery(req *tapiov1.GetMetricsRequest, now time.Time) (model.PointQuery, error) {
	query, err := points(req.GetQuery(), now)
	if err != nil {
		return query, err
	}
	query.Paging, err = paging(req, req.GetQuery().GetFilter(), recordLimits())
	return query, within("query.filter", err)
}

// GetAggregateQuery reads a query for aggregated series. The bound of 11,000
// windows is checked where the range has a start; an open one is left to the
// store, which knows the oldest point.
func GetAggregateQuery(req *tapiov1.GetMetricsRequest, now time.Time) (model.AggregateQuery, error) {
	return aggregate(req.GetQuery(), recordLimits(), now)
}

// points reads a query without aggregation, all but its paging.
func points(q *tapiov1.MetricQuery, now time.Time) (model.PointQuery, error) {
	query := model.PointQuery{Names: q.GetMetricNames()}
	if q.GetAggregation() != tapiov1.MetricQuery_AGGREGATION_TYPE_UNSPECIFIED {
		return query, model.InvalidField("query.aggregation", "must be unset for stored points")
	}
	if err := notForPoints(q); err != nil {
		return query, within("query", err)
	}
	if err := atMost("query.metric_names", len(query.Names), maxMetricNames); err != nil {
		return query, err
	}
	var err error
	query.Filter, err = unnamedFilter(q.GetFilter(), now)
	return query, within("query.filter", err)
}

// notForPoints refuses what only an aggregation heeds.
func notForPoints(q *tapiov1.MetricQuery) error {
	switch {
	case q.GetResolution().GetSeconds() != 0 || q.GetResolution().GetNanos() != 0:
		return model.InvalidField("resolution", "is for an aggregation only: set aggregation or leave it out")
	case len(q.GetGroupBy()) > 0:
		return model.InvalidField("group_by", "is for an aggregation only: set aggregation or leave it out")
	default:
		return nil
	}
}

func aggregate(q *tapiov1.MetricQuery, bounds limits, now time.Time) (model.AggregateQuery, error) {
	query, err := aggregation(q)
	if err != nil {
		return query, within("query", err)
	}
	f := q.GetFilter()
	if err := notPaged(f); err != nil {
		return query, within("query.filter", err)
	}
	if f.GetAscending() {
		return query, model.InvalidField("query.filter.ascending", "must be unset with an aggregation: its windows come oldest first")
	}
	if query.Limit, err = bounds.of(f); err != nil {
		return query, within("query.filter", err)
	}
	if query.Filter, err = unnamedFilter(f, now); err != nil {
		return query, within("query.filter", err)
	}
	return query, within("query", checkWindows(query.Filter.Time, query.Resolution, now))
}

// aggregation reads what belongs to the aggregation alone.
func aggregation(q *tapiov1.MetricQuery) (model.AggregateQuery, error) {
	query := model.AggregateQuery{
		Names:       q.GetMetricNames(),
		Aggregation: model.Aggregation(q.GetAggregation()),
	}
	if err := knownEnum("aggregation", q.GetAggregation()); err != nil {
		return query, err
	}
	if query.Aggregation == model.AggregateNone {
		return query, model.InvalidField("aggregation", "must be set for series")
	}
	if err := atMost("metric_names", len(query.Names), maxMetricNames); err != nil {
		return query, err
	}
	var err error
	if query.GroupBy, err = groupKeys(q.GetGroupBy()); err != nil {
		return query, err
	}
	query.Resolution, err = resolution(q)
	return query, err
}

func groupKeys(in []string) ([]model.LabelKey, error) {
	if err := atMost("group_by", len(in), maxGroupKeys); err != nil {
		return nil, err
	}
	out := make([]model.LabelKey, len(in))
	for i, key := range in {
		if key == "" || len(key) > maxGroupKeyBytes {
			return nil, model.InvalidField(indexed("group_by", i), "must have 1 to %d bytes, has %d", maxGroupKeyBytes, len(key))
		}
		out[i] = model.NewLabelKey(key)
	}
	return out, nil
}

func resolution(q *tapiov1.MetricQuery) (time.Duration, error) {
	width, err := duration("resolution", q.GetResolution())
	if err == nil && width != 0 && width < time.Millisecond {
		return 0, model.InvalidField("resolution", "must be 0 or 1ms or more, is %v", width)
	}
	return width, err
}

func checkWindows(r model.TimeRange, width time.Duration, now time.Time) error {
	end := r.End
	if end == 0 {
		end = nanosOf(now)
	}
	if width == 0 || r.Start == 0 || end <= r.Start {
		return nil
	}
	if n := (end - r.Start) / model.Nanos(width); n > maxWindows {
		return model.InvalidField("resolution", "makes %d windows of the time range, the most is %d: widen it or request a shorter time range", n, maxWindows)
	}
	return nil
}
