// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package protoconv

import (
	"math"
	"time"

	"github.com/tapio/tapio/internal/model"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// ExportPointsQuery reads which points to export. It asks for pages of 10,000
// points; the caller pages through them all or, where filter.limit is set, takes
// the one page.
func ExportPointsQuery(req *tapiov1.ExportMetricsRequest, now time.Time) (model.PointQuery, error) {
	if err := knownEnum("format", req.GetFormat()); err != nil {
		return model.PointQuery{}, err
	}
	query, err := points(req.GetQuery(), now)
	if err != nil {
		return query, err
	}
	f := req.GetQuery().GetFilter()
	if err := notPaged(f); err != nil {
		return query, within("query.filter", err)
	}
	limit, err := limits{unset: recordLimits().most, most: recordLimits().most}.of(f)
	query.Paging = model.Paging{Limit: limit, Ascending: f.GetAscending()}
	return query, within("query.filter", err)
}

// ExportAggregateQuery reads which aggregated series to export: all unless
// filter.limit is set.
func ExportAggregateQuery(req *tapiov1.ExportMetricsRequest, now time.Time) (model.AggregateQuery, error) {
	if err := knownEnum("format", req.GetFormat()); err != nil {
		return model.AggregateQuery{}, err
	}
	return aggregate(req.GetQuery(), limits{unset: math.MaxInt, most: recordLimits().most}, now)
}
