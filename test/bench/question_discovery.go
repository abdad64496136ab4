// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"

	"google.golang.org/protobuf/types/known/durationpb"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// discovery asks what there is among all records.
func (a querier) discovery() []question {
	logs := &tapiov1.RecordSelection{Signal: tapiov1.Signal_SIGNAL_LOGS}
	ofService := &tapiov1.RecordSelection{Signal: tapiov1.Signal_SIGNAL_LOGS, Filter: &tapiov1.Filter{Services: []string{service(3)}}}
	return []question{
		{name: "services", prepare: ready(func(ctx context.Context) error {
			answer, err := a.records.ListServices(ctx, &tapiov1.ListServicesRequest{})
			return atLeast(1, len(answer.GetServices()), err)
		})},
		{name: "labels of logs", prepare: ready(func(ctx context.Context) error {
			answer, err := a.records.ListLabels(ctx, &tapiov1.ListLabelsRequest{Signal: tapiov1.Signal_SIGNAL_LOGS})
			return atLeast(1, len(answer.GetLabels()), err)
		})},
		{name: "counts of logs by severity, buckets of 10 s", prepare: ready(func(ctx context.Context) error {
			answer, err := a.records.CountRecords(ctx, &tapiov1.CountRecordsRequest{
				Selection: logs, GroupBy: "severity", Resolution: durationpb.New(10e9),
			})
			return atLeast(1, len(answer.GetGroups()), err)
		})},
		{name: "facets of logs", prepare: ready(func(ctx context.Context) error {
			answer, err := a.records.GetFacets(ctx, &tapiov1.GetFacetsRequest{Selection: logs})
			return atLeast(1, len(answer.GetFacets()), err)
		})},
		{name: "facets of the logs of a service", prepare: ready(func(ctx context.Context) error {
			answer, err := a.records.GetFacets(ctx, &tapiov1.GetFacetsRequest{Selection: ofService})
			return atLeast(1, len(answer.GetFacets()), err)
		})},
	}
}

// ready makes a question that needs no preparation.
func ready(ask func(context.Context) error) func(context.Context) (func() error, error) {
	return func(ctx context.Context) (func() error, error) { return func() error { return ask(ctx) }, nil }
}
