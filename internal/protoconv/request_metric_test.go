// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package protoconv

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/tapio/tapio/internal/model"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

func TestAggregateFaults(t *testing.T) {
	hourOf := func(width time.Duration) *tapiov1.MetricQuery {
		return &tapiov1.MetricQuery{
			Aggregation: 1, Resolution: durationpb.New(width),
			Filter: &tapiov1.Filter{TimeRange: &tapiov1.TimeRange{
				Start: timestamppb.New(testNow().Add(-time.Hour)),
			}},
		}
	}
	for name, tc := range map[string]struct {
		query       *tapiov1.MetricQuery
		field, mend string
	}{
		"none":            {&tapiov1.MetricQuery{}, "aggregation", "must be set"},
		"unknown":         {&tapiov1.MetricQuery{Aggregation: 11}, "aggregation", "11 is no value"},
		"negative":        {&tapiov1.MetricQuery{Aggregation: -255}, "aggregation", "-255 is no value"},
		"names":           {&tapiov1.MetricQuery{Aggregation: 1, MetricNames: make([]string, 101)}, "metric_names", "the most is 100"},
		"group":           {&tapiov1.MetricQuery{Aggregation: 1, GroupBy: make([]string, 33)}, "group_by", "the most is 32"},
		"empty group key": {&tapiov1.MetricQuery{Aggregation: 1, GroupBy: []string{"a", ""}}, "group_by[1]", "1 to 256"},
		"long group key":  {&tapiov1.MetricQuery{Aggregation: 1, GroupBy: []string{strings.Repeat("k", 257)}}, "group_by[0]", "1 to 256"},
		"fine":            {&tapiov1.MetricQuery{Aggregation: 1, Resolution: durationpb.New(time.Millisecond - 1)}, "resolution", "1ms or more"},
		"backward":        {&tapiov1.MetricQuery{Aggregation: 1, Resolution: durationpb.New(-time.Second)}, "resolution", "1ms or more"},
		"malformed":       {&tapiov1.MetricQuery{Aggregation: 1, Resolution: &durationpb.Duration{Seconds: math.MaxInt64}}, "resolution", "valid duration"},
		"windows":         {hourOf(300 * time.Millisecond), "resolution", "the most is 11000"},
		"token":           {&tapiov1.MetricQuery{Aggregation: 1, Filter: &tapiov1.Filter{PageToken: "x"}}, "filter.page_token", "must be unset"},
		"limit":           {&tapiov1.MetricQuery{Aggregation: 1, Filter: &tapiov1.Filter{Limit: 10_001}}, "filter.limit", "0 to 10000"},
		"filter":          {&tapiov1.MetricQuery{Aggregation: 1, Filter: &tapiov1.Filter{Text: strings.Repeat("x", 1025)}}, "filter.text", "the most is 1024"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := GetAggregateQuery(&tapiov1.GetMetricsRequest{Query: tc.query}, testNow())
			requireFault(t, err, "query."+tc.field, tc.mend)
			_, err = ExportAggregateQuery(&tapiov1.ExportMetricsRequest{Query: tc.query}, testNow())
			requireFault(t, err, "query."+tc.field, tc.mend)
		})
	}
	_, err := GetAggregateQuery(&tapiov1.GetMetricsRequest{Query: hourOf(time.Second)}, testNow())
	assert.NoError(t, err)
}

func TestAggregateQuery(t *testing.T) {
	request := &tapiov1.MetricQuery{
		MetricNames: []string{"http.*"},
		Filter:      &tapiov1.Filter{Limit: 7, Services: []string{"shop"}},
		Aggregation: tapiov1.MetricQuery_AGGREGATION_TYPE_RATE,
		GroupBy:     []string{"pod", "host.name"},
		Resolution:  durationpb.New(time.Minute),
	}
	query, err := GetAggregateQuery(&tapiov1.GetMetricsRequest{Query: request}, testNow())
	require.NoError(t, err)
	assert.Equal(t, []string{"http.*"}, query.Names)
	assert.Equal(t, model.AggregateRate, query.Aggregation)
	assert.Equal(t, []model.LabelKey{model.NewLabelKey("pod"), model.NewLabelKey("host.name")}, query.GroupBy)
	assert.Equal(t, time.Minute, query.Resolution)
	assert.Equal(t, 7, query.Limit)
	assert.Equal(t, []string{"shop"}, query.Filter.Services)

	request.Filter.Limit = 0
	query, err = GetAggregateQuery(&tapiov1.GetMetricsRequest{Query: request}, testNow())
	require.NoError(t, err)
	assert.Equal(t, 100, query.Limit)
	query, err = ExportAggregateQuery(&tapiov1.ExportMetricsRequest{Query: request}, testNow())
	require.NoError(t, err)
	assert.Equal(t, math.MaxInt, query.Limit)
}

func TestPointFaults(t *testing.T) {
	aggregated := &tapiov1.MetricQuery{Aggregation: 1}
	many := &tapiov1.MetricQuery{MetricNames: make([]string, 101)}
	_, err := GetPointsQuery(&tapiov1.GetMetricsRequest{Query: aggregated}, testNow())
	requireFault(t, err, "query.aggregation", "must be unset")
	_, err = GetPointsQuery(&tapiov1.GetMetricsRequest{Query: many}, testNow())
	requireFault(t, err, "query.metric_names", "the most is 100")
	_, _, err = StreamMetricsQuery(&tapiov1.StreamMetricsRequest{Query: many}, testNow())
	requireFault(t, err, "query.metric_names", "the most is 100")
}

func TestExportPoints(t *testing.T) {
	query, err := ExportPointsQuery(&tapiov1.ExportMetricsRequest{}, testNow())
	require.NoError(t, err)
	assert.Equal(t, model.Paging{Limit: 10_000}, query.Paging)
	filtered := func(f *tapiov1.Filter) *tapiov1.ExportMetricsRequest {
		return &tapiov1.ExportMetricsRequest{Query: &tapiov1.MetricQuery{Filter: f}}
	}
	query, err = ExportPointsQuery(filtered(&tapiov1.Filter{Limit: 5, Ascending: true}), testNow())
	require.NoError(t, err)
	assert.Equal(t, model.Paging{Limit: 5, Ascending: true}, query.Paging)
	_, err = ExportPointsQuery(filtered(&tapiov1.Filter{Limit: 10_001}), testNow())
	requireFault(t, err, "query.filter.limit", "0 to 10000")
	_, err = ExportPointsQuery(filtered(&tapiov1.Filter{PageToken: "x"}), testNow())
	requireFault(t, err, "query.filter.page_token", "must be unset")
	_, err = ExportPointsQuery(&tapiov1.ExportMetricsRequest{Format: 5}, testNow())
	requireFault(t, err, "format", "5 is no value")
	_, err = ExportAggregateQuery(&tapiov1.ExportMetricsRequest{Format: 5}, testNow())
	requireFault(t, err, "format", "5 is no value")
}
