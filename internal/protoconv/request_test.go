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
	tracev1 "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/tapio/tapio/internal/model"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

func testNow() time.Time { return time.Unix(1_700_000_000, 500).UTC() }

func requireFault(t *testing.T, err error, field, mend string) {
	t.Helper()
	var fault *model.FieldError
	require.ErrorAs(t, err, &fault)
	assert.Equal(t, field, fault.Field)
	assert.Contains(t, fault.Problem, mend)
}

func TestFilterFaults(t *testing.T) {
	at := func(seconds int64) *timestamppb.Timestamp { return &timestamppb.Timestamp{Seconds: seconds} }
	selector := func(key, operator string, values ...string) *tapiov1.Filter {
		good := &tapiov1.Filter_LabelSelector{Key: "a", Values: []string{"b"}}
		return &tapiov1.Filter{LabelSelectors: []*tapiov1.Filter_LabelSelector{
			good, good, {Key: key, Operator: operator, Values: values},
		}}
	}
	ranged := func(r *tapiov1.TimeRange) *tapiov1.Filter { return &tapiov1.Filter{TimeRange: r} }
	for name, tc := range map[string]struct {
		filter      *tapiov1.Filter
		field, mend string
	}{
		"limit":            {&tapiov1.Filter{Limit: 10_001}, "limit", "0 to 10000"},
		"huge limit":       {&tapiov1.Filter{Limit: math.MaxUint32}, "limit", "page_token"},
		"text":             {&tapiov1.Filter{Text: strings.Repeat("x", 1025)}, "text", "the most is 1024"},
		"severity":         {&tapiov1.Filter{Severities: []tapiov1.Severity{1, 7}}, "severities[1]", "7 is no value"},
		"min severity":     {&tapiov1.Filter{MinSeverity: -1}, "min_severity", "-1 is no value"},
		"many selectors":   {&tapiov1.Filter{LabelSelectors: make([]*tapiov1.Filter_LabelSelector, 65)}, "label_selectors", "the most is 64"},
		"operator":         {selector("k", "~~", "v"), "label_selectors[2].operator", "use ="},
		"key":              {selector("", "=", "v"), "label_selectors[2].key", "1 to 256 bytes"},
		"values":           {selector("k", "exists", "v"), "label_selectors[2].values", "no value"},
		"number":           {selector("k", ">", "many"), "label_selectors[2].values", "write for example 500"},
		"expression":       {selector("k", "=~", "("), "label_selectors[2].values", "RE2"},
		"inverted range":   {ranged(&tapiov1.TimeRange{Start: at(2), End: at(1)}), "time_range.end", "lies before start"},
		"end at the epoch": {ranged(&tapiov1.TimeRange{End: at(0)}), "time_range.end", "1970"},
		"end before epoch": {ranged(&tapiov1.TimeRange{End: at(-5)}), "time_range.end", "1970"},
		"bad start":        {ranged(&tapiov1.TimeRange{Start: &timestamppb.Timestamp{Nanos: -1}}), "time_range.start", "valid timestamp"},
		"bad end":          {ranged(&tapiov1.TimeRange{End: &timestamppb.Timestamp{Nanos: 1e9}}), "time_range.end", "valid timestamp"},
		"last and start":   {ranged(&tapiov1.TimeRange{Last: durationpb.New(1), Start: at(1)}), "time_range.last", "excludes start and end"},
		"last and end":     {ranged(&tapiov1.TimeRange{Last: durationpb.New(1), End: at(1)}), "time_range.last", "excludes start and end"},
		"last zero":        {ranged(&tapiov1.TimeRange{Last: durationpb.New(0)}), "time_range.last", "above 0"},
		"last negative":    {ranged(&tapiov1.TimeRange{Last: durationpb.New(-1)}), "time_range.last", "above 0"},
		"last malformed":   {ranged(&tapiov1.TimeRange{Last: &durationpb.Duration{Seconds: 1, Nanos: -1}}), "time_range.last", "valid duration"},
		"token":            {&tapiov1.Filter{PageToken: "%%%"}, "page_token", "start again without it"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := GetEventsQuery(&tapiov1.GetEventsRequest{Filter: tc.filter}, testNow())
			requireFault(t, err, "filter."+tc.field, tc.mend)
			_, err = GetLogsQuery(&tapiov1.GetLogsRequest{Filter: tc.filter}, testNow())
			requireFault(t, err, "filter."+tc.field, tc.mend)
			if strings.Contains(name, "severity") {
				return // points have none, whatever its value
			}
			_, err = GetPointsQuery(&tapiov1.GetMetricsRequest{Query: &tapiov1.MetricQuery{Filter: tc.filter}}, testNow())
			requireFault(t, err, "query.filter."+tc.field, tc.mend)
		})
	}
}

func TestEventsQuery(t *testing.T) {
	query, err := GetEventsQuery(&tapiov1.GetEventsRequest{Filter: &tapiov1.Filter{
		LabelSelectors: []*tapiov1.Filter_LabelSelector{{Key: "pod", Values: []string{"a", "b"}}},
		TimeRange:      &tapiov1.TimeRange{Last: durationpb.New(time.Minute)},
		Severities:     []tapiov1.Severity{tapiov1.Severity_SEVERITY_WARN},
		MinSeverity:    tapiov1.Severity_SEVERITY_INFO,
		EventNames:     []string{"tapio.*"},
		Services:       []string{"shop"},
		Namespaces:     []string{"prod"},
		Text:           "OOM Killed",
		Limit:          10_000,
		Ascending:      true,
		Invert:         true,
	}}, testNow())
	require.NoError(t, err)
	assert.Equal(t, model.EventsOnly, query.Kind)
	assert.Equal(t, model.Paging{Limit: 10_000, MaxBytes: 3 << 20, Ascending: true}, query.Paging)
	f := query.Filter
	assert.Equal(t, model.OpIn, f.Selectors[0].Op)
	assert.Equal(t, model.TimeRange{Start: 1_699_999_940_000_000_500, End: 1_700_000_000_000_000_500}, f.Time)
	assert.Equal(t, []model.Severity{model.SeverityWarn}, f.Severities)
	assert.Equal(t, model.SeverityInfo, f.MinSeverity)
	assert.Equal(t, []string{"tapio.*"}, f.EventNames)
	assert.Equal(t, []string{"shop"}, f.Services)
	assert.Equal(t, []string{"prod"}, f.Namespaces)
	assert.Equal(t, "oom killed", f.Text)
	assert.True(t, f.Invert)
}

func TestEmptyRequestsAskForTheNewest(t *testing.T) {
	events, err := GetEventsQuery(nil, testNow())
	require.NoError(t, err)
	assert.Equal(t, 100, events.Paging.Limit)
	traces, err := GetTracesQuery(nil, testNow())
	require.NoError(t, err)
	assert.Equal(t, 20, traces.Paging.Limit)
	points, err := GetPointsQuery(nil, testNow())
	require.NoError(t, err)
	assert.Equal(t, 100, points.Paging.Limit)
}

func TestInstantsAtTheEdges(t *testing.T) {
	query, err := GetLogsQuery(&tapiov1.GetLogsRequest{Filter: &tapiov1.Filter{TimeRange: &tapiov1.TimeRange{
		Start: &timestamppb.Timestamp{Seconds: -62135596800},
		End:   &timestamppb.Timestamp{Seconds: 253402300799, Nanos: 999999999},
	}}}, testNow())
	require.NoError(t, err)
	assert.Equal(t, model.TimeRange{Start: 0, End: math.MaxUint64}, query.Filter.Time)
}

func TestLogsOfATrace(t *testing.T) {
	query, err := GetLogsQuery(&tapiov1.GetLogsRequest{TraceId: "000102030405060708090A0B0C0D0E0F"}, testNow())
	require.NoError(t, err)
	assert.Equal(t, model.LogsAndEvents, query.Kind)
	assert.Equal(t, "000102030405060708090a0b0c0d0e0f", query.TraceID.String())
	for _, id := range []string{"00", strings.Repeat("0", 32), strings.Repeat("g", 32)} {
		_, err = GetLogsQuery(&tapiov1.GetLogsRequest{TraceId: id}, testNow())
		requireFault(t, err, "trace_id", "32 hex digits")
	}
}

func TestTracesFaults(t *testing.T) {
	id := "000102030405060708090a0b0c0d0e0f"
	for name, tc := range map[string]struct {
		query       *tapiov1.TraceQuery
		field, mend string
	}{
		"id":       {&tapiov1.TraceQuery{TraceIds: []string{id, "x"}}, "trace_ids[1]", "32 hex digits"},
		"many ids": {&tapiov1.TraceQuery{TraceIds: make([]string, 1001)}, "trace_ids", "the most is 1000"},
		"limit":    {&tapiov1.TraceQuery{Filter: &tapiov1.Filter{Limit: 1001}}, "filter.limit", "0 to 1000"},
		"status":   {&tapiov1.TraceQuery{StatusCodes: []tracev1.Status_StatusCode{9}}, "status_codes[0]", "9 is no value"},
		"kind":     {&tapiov1.TraceQuery{Kinds: []tracev1.Span_SpanKind{1, 6}}, "kinds[1]", "6 is no value"},
		"min":      {&tapiov1.TraceQuery{MinDuration: durationpb.New(-1)}, "min_duration", "0 or more"},
		"max":      {&tapiov1.TraceQuery{MaxDuration: durationpb.New(-1)}, "max_duration", "0 or more"},
		"order":    {&tapiov1.TraceQuery{MinDuration: durationpb.New(2), MaxDuration: durationpb.New(1)}, "max_duration", "swap the two"},
		"selector": {&tapiov1.TraceQuery{Filter: &tapiov1.Filter{LabelSelectors: []*tapiov1.Filter_LabelSelector{{}}}}, "filter.label_selectors[0].key", "1 to 256"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := GetTracesQuery(&tapiov1.GetTracesRequest{Query: tc.query}, testNow())
			requireFault(t, err, "query."+tc.field, tc.mend)
		})
	}
}

func TestTracesQuery(t *testing.T) {
	query, err := GetTracesQuery(&tapiov1.GetTracesRequest{Query: &tapiov1.TraceQuery{
		Filter:      &tapiov1.Filter{Limit: 1000},
		Operations:  []string{"GET *"},
		MinDuration: durationpb.New(time.Second),
		MaxDuration: durationpb.New(time.Minute),
		StatusCodes: []tracev1.Status_StatusCode{tracev1.Status_STATUS_CODE_ERROR},
		Kinds:       []tracev1.Span_SpanKind{tracev1.Span_SPAN_KIND_SERVER},
	}}, testNow())
	require.NoError(t, err)
	assert.Empty(t, query.TraceIDs)
	assert.Equal(t, 1000, query.Paging.Limit)
	assert.Equal(t, []string{"GET *"}, query.Operations)
	assert.Equal(t, time.Second, query.MinDuration)
	assert.Equal(t, time.Minute, query.MaxDuration)
	assert.Equal(t, []int32{model.StatusError}, query.StatusCodes)
	assert.Equal(t, []int32{2}, query.Kinds)
}
