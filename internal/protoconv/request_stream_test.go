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

	"github.com/tapio/tapio/internal/model"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

func TestStreamsRefusePaging(t *testing.T) {
	for field, filter := range map[string]*tapiov1.Filter{
		"limit":      {Limit: 1},
		"page_token": {PageToken: "x"},
		"ascending":  {Ascending: true},
		"time_range": {TimeRange: &tapiov1.TimeRange{}},
		"text":       {Text: strings.Repeat("x", 1025)},
	} {
		mend := "must be unset"
		if field == "text" {
			mend = "the most is"
		}
		_, _, err := SubscribeQuery(&tapiov1.SubscribeToEventsRequest{Filter: filter}, testNow())
		requireFault(t, err, "filter."+field, mend)
		_, _, err = StreamLogsQuery(&tapiov1.StreamLogsRequest{Filter: filter}, testNow())
		requireFault(t, err, "filter."+field, mend)
		_, _, err = SubscriptionQuery(&tapiov1.Subscription{Filter: filter}, testNow())
		requireFault(t, err, "subscription.filter."+field, mend)
		metrics := &tapiov1.StreamMetricsRequest{Query: &tapiov1.MetricQuery{Filter: filter}}
		_, _, err = StreamMetricsQuery(metrics, testNow())
		requireFault(t, err, "query.filter."+field, mend)
		_, _, err = StreamTracesQuery(&tapiov1.StreamTracesRequest{Query: &tapiov1.TraceQuery{Filter: filter}}, testNow())
		requireFault(t, err, "query.filter."+field, mend)
		metrics.Query.Aggregation = tapiov1.MetricQuery_AGGREGATION_TYPE_AVG
		_, _, err = StreamAggregateQuery(metrics, testNow())
		requireFault(t, err, "query.filter."+field, mend)
	}
	_, _, err := SubscriptionQuery(&tapiov1.Subscription{SubscriptionId: strings.Repeat("x", 129)}, testNow())
	requireFault(t, err, "subscription.subscription_id", "the most is 128")
}

func TestStreamStartFaults(t *testing.T) {
	for name, tc := range map[string]struct {
		start       *tapiov1.StreamStart
		field, mend string
	}{
		"last zero":     {&tapiov1.StreamStart{Position: &tapiov1.StreamStart_Last{}}, "last", "1 to 10000"},
		"last many":     {&tapiov1.StreamStart{Position: &tapiov1.StreamStart_Last{Last: 10_001}}, "last", "1 to 10000"},
		"since zero":    {&tapiov1.StreamStart{Position: &tapiov1.StreamStart_Since{Since: durationpb.New(0)}}, "since", "above 0"},
		"since invalid": {&tapiov1.StreamStart{Position: &tapiov1.StreamStart_Since{Since: &durationpb.Duration{Nanos: math.MaxInt32}}}, "since", "valid duration"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := StreamLogsQuery(&tapiov1.StreamLogsRequest{Start: tc.start}, testNow())
			requireFault(t, err, "start."+tc.field, tc.mend)
			_, _, err = SubscriptionQuery(&tapiov1.Subscription{Start: tc.start}, testNow())
			requireFault(t, err, "subscription.start."+tc.field, tc.mend)
			_, _, err = StreamMetricsQuery(&tapiov1.StreamMetricsRequest{Start: tc.start}, testNow())
			requireFault(t, err, "start."+tc.field, tc.mend)
		})
	}
}

func TestStreamStart(t *testing.T) {
	for name, tc := range map[string]struct {
		start *tapiov1.StreamStart
		want  model.Start
	}{
		"unset":        {nil, model.Start{}},
		"empty":        {&tapiov1.StreamStart{}, model.Start{}},
		"last":         {&tapiov1.StreamStart{Position: &tapiov1.StreamStart_Last{Last: 10_000}}, model.Start{Last: 10_000}},
		"since":        {&tapiov1.StreamStart{Position: &tapiov1.StreamStart_Since{Since: durationpb.New(time.Second)}}, model.Start{Since: 1_699_999_999_000_000_500}},
		"since always": {&tapiov1.StreamStart{Position: &tapiov1.StreamStart_Since{Since: &durationpb.Duration{Seconds: 1 << 33}}}, model.Start{Since: 1}},
		"from oldest":  {&tapiov1.StreamStart{Position: &tapiov1.StreamStart_AfterSequence{}}, model.Start{Resume: true}},
		"after":        {&tapiov1.StreamStart{Position: &tapiov1.StreamStart_AfterSequence{AfterSequence: 7}}, model.Start{After: 7, Resume: true}},
	} {
		t.Run(name, func(t *testing.T) {
			query, begin, err := SubscribeQuery(&tapiov1.SubscribeToEventsRequest{Start: tc.start}, testNow())
			require.NoError(t, err)
			assert.Equal(t, tc.want, begin)
			assert.Equal(t, model.EventsOnly, query.Kind)
		})
	}
	query, _, err := SubscribeQuery(&tapiov1.SubscribeToEventsRequest{IncludeLogs: true}, testNow())
	require.NoError(t, err)
	assert.Equal(t, model.LogsAndEvents, query.Kind)
	query, _, err = StreamLogsQuery(nil, testNow())
	require.NoError(t, err)
	assert.Equal(t, model.LogsAndEvents, query.Kind)
}

func TestStreamAggregateInterval(t *testing.T) {
	for name, tc := range map[string]struct {
		resolution, interval *durationpb.Duration
		want                 time.Duration
		mend                 string
	}{
		"default":         {want: 10 * time.Second},
		"resolution":      {resolution: durationpb.New(time.Minute), want: time.Minute},
		"fine resolution": {resolution: durationpb.New(time.Millisecond), want: 100 * time.Millisecond},
		"wide resolution": {resolution: durationpb.New(24 * time.Hour), want: time.Hour},
		"interval":        {resolution: durationpb.New(time.Minute), interval: durationpb.New(time.Second), want: time.Second},
		"too short":       {interval: durationpb.New(99 * time.Millisecond), mend: "100ms to 1h"},
		"zero":            {interval: durationpb.New(0), mend: "100ms to 1h"},
		"too long":        {interval: durationpb.New(2 * time.Hour), mend: "100ms to 1h"},
		"malformed":       {interval: &durationpb.Duration{Nanos: -1, Seconds: 1}, mend: "valid duration"},
	} {
		t.Run(name, func(t *testing.T) {
			_, every, err := StreamAggregateQuery(&tapiov1.StreamMetricsRequest{
				Query: &tapiov1.MetricQuery{
					Aggregation: tapiov1.MetricQuery_AGGREGATION_TYPE_RATE, Resolution: tc.resolution,
				},
				Interval: tc.interval,
			}, testNow())
			if tc.mend != "" {
				requireFault(t, err, "interval", tc.mend)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, tc.want, every)
		})
	}
	_, _, err := StreamAggregateQuery(&tapiov1.StreamMetricsRequest{Start: &tapiov1.StreamStart{}}, testNow())
	requireFault(t, err, "start", "must be unset with an aggregation")
}

func TestStreamTracesQuery(t *testing.T) {
	id := strings.Repeat("ab", 16)
	query, begin, err := StreamTracesQuery(&tapiov1.StreamTracesRequest{
		Query: &tapiov1.TraceQuery{TraceIds: []string{id}},
		Start: &tapiov1.StreamStart{Position: &tapiov1.StreamStart_Last{Last: 3}},
	}, testNow())
	require.NoError(t, err)
	require.Len(t, query.TraceIDs, 1)
	assert.Equal(t, id, query.TraceIDs[0].String())
	assert.Equal(t, model.Start{Last: 3}, begin)

	_, _, err = StreamTracesQuery(&tapiov1.StreamTracesRequest{
		Query: &tapiov1.TraceQuery{Filter: &tapiov1.Filter{EventNames: []string{"a"}}},
	}, testNow())
	requireFault(t, err, "query.filter.event_names", "log records only")
	_, _, err = StreamTracesQuery(&tapiov1.StreamTracesRequest{Query: &tapiov1.TraceQuery{MinDuration: durationpb.New(-1)}}, testNow())
	requireFault(t, err, "query.min_duration", "0 or more")
}

func TestHistoryOnlyIsNotForAggregations(t *testing.T) {
	_, _, err := StreamAggregateQuery(&tapiov1.StreamMetricsRequest{HistoryOnly: true}, testNow())
	requireFault(t, err, "history_only", "GetMetrics")
}
