// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// question is a query. prepare finds out, untimed, what to ask for; ask fails
// where the answer is not what it must be.
type question struct {
	name    string
	prepare func(context.Context) (ask func() error, err error)
}

// querier queries one collector.
type querier struct {
	filled  *timestamppb.Timestamp // when all was stored that is not written meanwhile
	records tapiov1.ObservabilityServiceClient
	events  tapiov1.TapioServiceClient
}

func questions(conn *grpc.ClientConn, filled time.Time) []question {
	a := querier{filled: timestamppb.New(filled), records: tapiov1.NewObservabilityServiceClient(conn), events: tapiov1.NewTapioServiceClient(conn)}
	return append([]question{
		{name: "last 20 logs of a service, ERROR and above", prepare: a.logsWhere(20, &tapiov1.Filter{
			Services: []string{service(3)}, MinSeverity: tapiov1.Severity_SEVERITY_ERROR, Limit: 20,
		})},
		{name: "text in 1 of 20,000 logs, page of 20", prepare: a.logsWhere(1, &tapiov1.Filter{Text: needle, Limit: 20})},
		{name: "text in no log, page of 20", prepare: a.logsWhere(0, &tapiov1.Filter{Text: "the reactor is cold", Limit: 20})},
		{name: "text of 2 bytes in no log, page of 20", prepare: a.logsWhere(0, &tapiov1.Filter{Text: "qz", Limit: 20})},
		{name: "text in no log whose parts are in many, page of 20", prepare: a.logsWhere(0, &tapiov1.Filter{
			Text: "added item 12 to cart 12345678 of user-123456", Limit: 20,
		})},
		{name: "label of few values by a regular expression that none matches", prepare: a.noLogWhere("http.route", "=~", ".*/orders/.*")},
		{name: "label of many values by a regular expression that none matches", prepare: a.noLogWhere("url.path", "=~", ".*/orders/.*")},
		{name: "the same, and all values look alike", prepare: a.noLogWhere("user.id", "=~", "user-[0-9]+x")},
		{name: "label that no log has otherwise", prepare: a.noLogWhere("http.request.method", "!=", "POST")},
		{name: "label of many values that none is equal to", prepare: a.noLogWhere("user.id", "=", "user-1234567")},
		{name: "label above a number that none reaches", prepare: a.noLogWhere("http.response.status_code", ">", "600")},
		{name: "record by id", prepare: a.eventByID},
		{name: "trace by id", prepare: a.traceByID},
		{name: "P95 of a gauge by 2 labels", prepare: a.percentile},
	}, a.discovery()...)
}

// noLogWhere queries a page with a condition that no log fulfills, so that an index that
// only orders the search is of no use.
func (a querier) noLogWhere(key, operator, value string) func(context.Context) (func() error, error) {
	return a.logsWhere(0, &tapiov1.Filter{
		LabelSelectors: []*tapiov1.Filter_LabelSelector{{Key: key, Operator: operator, Values: []string{value}}}, Limit: 20,
	})
}

func (a querier) logsWhere(least int, filter *tapiov1.Filter) func(context.Context) (func() error, error) {
	return func(ctx context.Context) (func() error, error) {
		return func() error {
			answer, err := a.records.GetLogs(ctx, &tapiov1.GetLogsRequest{Filter: filter})
			return atLeast(least, len(answer.GetLogs()), err)
		}, nil
	}
}

func atLeast(least, got int, err error) error {
	if err == nil && got < least {
		return fmt.Errorf("the answer has %d rows, must have %d", got, least)
	}
	return err
}

func (a querier) eventByID(ctx context.Context) (func() error, error) {
	newest, err := a.records.GetLogs(ctx, &tapiov1.GetLogsRequest{Filter: &tapiov1.Filter{Limit: 1}})
	if err := atLeast(1, len(newest.GetLogs()), err); err != nil {
		return nil, fmt.Errorf("find an id: %w", err)
	}
	id := newest.Logs[0].Id
	return func() error {
		_, err := a.events.GetEventById(ctx, &tapiov1.GetEventByIdRequest{Id: id})
		return err
	}, nil
}

func (a querier) traceByID(ctx context.Context) (func() error, error) {
	newest, err := a.records.GetTraces(ctx, &tapiov1.GetTracesRequest{
		Query: &tapiov1.TraceQuery{Filter: &tapiov1.Filter{Limit: 1}},
	})
	if err := atLeast(1, len(newest.GetTraces()), err); err != nil {
		return nil, fmt.Errorf("find a trace: %w", err)
	}
	id := newest.Traces[0].TraceId
	return func() error {
		answer, err := a.records.GetTraces(ctx, &tapiov1.GetTracesRequest{
			Query: &tapiov1.TraceQuery{TraceIds: []string{id}},
		})
		return atLeast(1, len(answer.GetTraces()), err)
	}, nil
}

// percentile asks for windows of 10 seconds over all that was stored at first.
func (a querier) percentile(ctx context.Context) (func() error, error) {
	query := &tapiov1.MetricQuery{
		MetricNames: []string{"shop.cart.figure.1"},
		Aggregation: tapiov1.MetricQuery_AGGREGATION_TYPE_P95,
		GroupBy:     []string{"service", "http.route"},
		Resolution:  durationpb.New(10e9),
		Filter:      &tapiov1.Filter{Limit: 1000, TimeRange: &tapiov1.TimeRange{End: a.filled}},
	}
	return func() error {
		answer, err := a.records.GetMetrics(ctx, &tapiov1.GetMetricsRequest{Query: query})
		return atLeast(resourcesPerBatch*pointsPerMetric, len(answer.GetSeries()), err)
	}, nil
}
