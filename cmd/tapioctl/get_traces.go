// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

const (
	defaultTraces = 20
	tracesPerPage = 100
)

type getTracesFlags struct {
	filterFlags
	pageFlags
	spanFlags
	ids    []string
	format choice
}

func newGetTracesCommand(a *app) *cobra.Command {
	f := &getTracesFlags{format: newChoice("table", "table", "json", "jsonpb", "yaml")}
	cmd := &cobra.Command{
		Use:   "traces",
		Short: "Print stored traces, the newest first",
		Long:  "Print stored traces that have a span for which all conditions hold, the newest\nfirst.",
		Example: `  tapioctl get traces --service checkout --error --since 15m
  tapioctl get traces --operation 'GET /api/*' --min-duration 500ms`,
		Args: cobra.NoArgs,
		RunE: a.connected(func(ctx context.Context, c clients, _ []string) error { return a.getTraces(ctx, c, f) }),
	}
	f.filterFlags.add(cmd)
	f.pageFlags.add(cmd, defaultTraces, "traces")
	flags := cmd.Flags()
	flags.StringSliceVar(&f.ids, "id", nil, "only these traces, 32 hex digits each")
	f.spanFlags.add(cmd, "with a span")
	addChoice(cmd, flags, &f.format, "output", "o", "output format")
	return cmd
}

func (f *getTracesFlags) query(a *app) (*tapiov1.TraceQuery, error) {
	filter, err := f.filter()
	if err != nil {
		return nil, err
	}
	if err := f.apply(a, filter, tracesPerPage); err != nil {
		return nil, err
	}
	return f.spanFlags.query(filter, f.ids), nil
}

func (a *app) getTraces(ctx context.Context, c clients, f *getTracesFlags) error {
	query, err := f.query(a)
	if err != nil {
		return err
	}
	var rows [][]cell
	count := 0
	err = eachPage(query.GetFilter(), f.limit, func(wanted int) (int, string, error) {
		response, err := call(ctx, a, c.observability.GetTraces, &tapiov1.GetTracesRequest{Query: query})
		if err != nil {
			return 0, "", err
		}
		response.Traces = firstOf(wanted, response.GetTraces())
		count += len(response.GetTraces())
		if f.format.value == "jsonpb" {
			return len(response.GetTraces()), response.GetNextPageToken(), a.printRawJSON(response)
		}
		for _, trace := range response.GetTraces() {
			if f.format.value == "table" {
				rows = append(rows, a.traceRow(trace))
			} else {
				a.printMessage(f.format.value, trace)
			}
		}
		return len(response.GetTraces()), response.GetNextPageToken(), nil
	})
	if len(rows) > 0 { // what came before an error is still true
		a.printTable([]string{"TRACE", "START", "DURATION", "SPANS", "ERRORS", "SERVICE", "OPERATION", "SERVICES"}, rows)
	}
	if err == nil {
		a.noteIfNone(count, "traces")
	}
	return err
}

func (a *app) traceRow(trace *tapiov1.Trace) []cell {
	failures := cell{strconv.FormatUint(trace.GetErrorCount(), 10), plain}
	if trace.GetErrorCount() > 0 {
		failures.paint = red
	}
	return []cell{
		{trace.GetTraceId(), plain},
		{a.stamp(trace.GetStartTime()), dim},
		{shortDuration(trace.GetDuration().AsDuration()), plain},
		{strconv.FormatUint(trace.GetSpanCount(), 10), plain},
		failures,
		{orDash(trace.GetRootService()), cyan},
		{orDash(trace.GetRootName()), bold},
		{strings.Join(trace.GetServices(), ","), dim},
	}
}
