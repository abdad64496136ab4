// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package protoconv

import (
	"time"

	"github.com/tapio/tapio/internal/model"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

const (
	minInterval     = 100 * time.Millisecond
	maxInterval     = time.Hour
	defaultInterval = 10 * time.Second
)

// StreamMetricsQuery reads which points a reader follows, and from where.
func StreamMetricsQuery(req *tapiov1.StreamMetricsRequest, now time.Time) (model.PointQuery, model.Start, error) {
	if err := notForStreams(req.GetQuery().GetFilter(), req.GetHistoryOnly()); err != nil {
		return model.PointQuery{}, model.Start{}, within("query.filter", err)
	}
	query, err := points(req.GetQuery(), now)
	if err != nil {
		return query, model.Start{}, err
	}
	begin, err := start(req.GetStart(), now)
	return query, begin, within("start", err)
}

// StreamAggregateQuery reads which series are sent over and over, and how
// often. The query has no time range: the caller sets the window again for each
// answer.
func StreamAggregateQuery(req *tapiov1.StreamMetricsRequest, now time.Time) (model.AggregateQuery, time.Duration, error) {
	if err := notForStreams(req.GetQuery().GetFilter(), false); err != nil {
		return model.AggregateQuery{}, 0, within("query.filter", err)
	}
	if req.GetStart() != nil {
		return model.AggregateQuery{}, 0, model.InvalidField("start", "must be unset with an aggregation: the latest window is sent")
	}
	if req.GetHistoryOnly() {
		return model.AggregateQuery{}, 0, model.InvalidField("history_only", "must be unset with an aggregation: use GetMetrics for stored points")
	}
	query, err := aggregate(req.GetQuery(), recordLimits(), now)
	if err != nil {
		return query, 0, err
	}
	every, err := interval(req, query.Resolution)
	return query, every, err
}

func interval(req *tapiov1.StreamMetricsRequest, width time.Duration) (time.Duration, error) {
	every, err := duration("interval", req.GetInterval())
	switch {
	case err != nil:
		return 0, err
	case req.GetInterval() == nil && width == 0:
		return defaultInterval, nil
	case req.GetInterval() == nil:
		return min(max(width, minInterval), maxInterval), nil
	case every < minInterval || every > maxInterval:
		return 0, model.InvalidField("interval", "must be %v to %v, is %v", minInterval, maxInterval, every)
	default:
		return every, nil
	}
}
