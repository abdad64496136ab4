// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package protoconv

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	tracev1 "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/types/known/durationpb"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

func TestPointsRefuseWhatOnlyAggregationsHeed(t *testing.T) {
	for field, query := range map[string]*tapiov1.MetricQuery{
		"resolution": {Resolution: durationpb.New(time.Second)},
		"group_by":   {GroupBy: []string{"pod"}},
	} {
		_, err := GetPointsQuery(&tapiov1.GetMetricsRequest{Query: query}, testNow())
		requireFault(t, err, "query."+field, "for an aggregation only")
		_, _, err = StreamMetricsQuery(&tapiov1.StreamMetricsRequest{Query: query}, testNow())
		requireFault(t, err, "query."+field, "for an aggregation only")
		_, err = ExportPointsQuery(&tapiov1.ExportMetricsRequest{Query: query}, testNow())
		requireFault(t, err, "query."+field, "for an aggregation only")
	}
	unset := &tapiov1.MetricQuery{Resolution: durationpb.New(0)}
	_, err := GetPointsQuery(&tapiov1.GetMetricsRequest{Query: unset}, testNow())
	assert.NoError(t, err)
}

func TestConditionsOnLogRecordsAreForThemOnly(t *testing.T) {
	for field, filter := range map[string]*tapiov1.Filter{
		"min_severity": {MinSeverity: tapiov1.Severity_SEVERITY_INFO},
		"severities":   {Severities: []tapiov1.Severity{tapiov1.Severity_SEVERITY_INFO}},
		"event_names":  {EventNames: []string{"a"}},
	} {
		_, err := GetTracesQuery(&tapiov1.GetTracesRequest{Query: &tapiov1.TraceQuery{Filter: filter}}, testNow())
		requireFault(t, err, "query.filter."+field, "log records only")
		query := &tapiov1.MetricQuery{Filter: filter}
		_, err = GetPointsQuery(&tapiov1.GetMetricsRequest{Query: query}, testNow())
		requireFault(t, err, "query.filter."+field, "log records only")
		_, err = ExportPointsQuery(&tapiov1.ExportMetricsRequest{Query: query}, testNow())
		requireFault(t, err, "query.filter."+field, "log records only")
		_, _, err = StreamMetricsQuery(&tapiov1.StreamMetricsRequest{Query: query}, testNow())
		requireFault(t, err, "query.filter."+field, "log records only")
		query.Aggregation = tapiov1.MetricQuery_AGGREGATION_TYPE_AVG
		_, err = GetAggregateQuery(&tapiov1.GetMetricsRequest{Query: query}, testNow())
		requireFault(t, err, "query.filter."+field, "log records only")
		_, _, err = StreamAggregateQuery(&tapiov1.StreamMetricsRequest{Query: query}, testNow())
		requireFault(t, err, "query.filter."+field, "log records only")
	}
}

func TestAggregationsHaveOneOrder(t *testing.T) {
	query := &tapiov1.MetricQuery{
		Aggregation: tapiov1.MetricQuery_AGGREGATION_TYPE_AVG, Filter: &tapiov1.Filter{Ascending: true},
	}
	_, err := GetAggregateQuery(&tapiov1.GetMetricsRequest{Query: query}, testNow())
	requireFault(t, err, "query.filter.ascending", "must be unset with an aggregation")
	_, err = ExportAggregateQuery(&tapiov1.ExportMetricsRequest{Query: query}, testNow())
	requireFault(t, err, "query.filter.ascending", "must be unset with an aggregation")
}

func TestTraceIDsAloneSelect(t *testing.T) {
	for field, query := range map[string]*tapiov1.TraceQuery{
		"operations":             {Operations: []string{"a"}},
		"min_duration":           {MinDuration: durationpb.New(1)},
		"max_duration":           {MaxDuration: durationpb.New(1)},
		"status_codes":           {StatusCodes: []tracev1.Status_StatusCode{tracev1.Status_STATUS_CODE_ERROR}},
		"kinds":                  {Kinds: []tracev1.Span_SpanKind{tracev1.Span_SPAN_KIND_SERVER}},
		"filter.label_selectors": {Filter: &tapiov1.Filter{LabelSelectors: []*tapiov1.Filter_LabelSelector{{Key: "a", Operator: "exists"}}}},
		"filter.time_range":      {Filter: &tapiov1.Filter{TimeRange: &tapiov1.TimeRange{Last: durationpb.New(1)}}},
		"filter.services":        {Filter: &tapiov1.Filter{Services: []string{"a"}}},
		"filter.namespaces":      {Filter: &tapiov1.Filter{Namespaces: []string{"a"}}},
		"filter.text":            {Filter: &tapiov1.Filter{Text: "a"}},
		"filter.ascending":       {Filter: &tapiov1.Filter{Ascending: true}},
		"filter.invert":          {Filter: &tapiov1.Filter{Invert: true}},
	} {
		_, err := GetTracesQuery(&tapiov1.GetTracesRequest{Query: query}, testNow())
		require.NoError(t, err, field)
		query.TraceIds = []string{"000102030405060708090a0b0c0d0e0f"}
		_, err = GetTracesQuery(&tapiov1.GetTracesRequest{Query: query}, testNow())
		requireFault(t, err, "query."+field, "leave it out: trace_ids alone select")
	}
	query, err := GetTracesQuery(&tapiov1.GetTracesRequest{Query: &tapiov1.TraceQuery{
		TraceIds: []string{"000102030405060708090a0b0c0d0e0f"}, Filter: &tapiov1.Filter{Limit: 7},
	}}, testNow())
	require.NoError(t, err)
	assert.Equal(t, "000102030405060708090a0b0c0d0e0f", query.TraceIDs[0].String())
	assert.Equal(t, 7, query.Paging.Limit)
}
