// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/types/known/durationpb"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// metricFlags select metric points and say what to make of them.
type metricFlags struct {
	filterFlags
	timeFlags
	names       []string
	aggregation choice
	groupBy     []string
	resolution  time.Duration
	limit       uint32
}

func (f *metricFlags) add(cmd *cobra.Command, limit uint32, limitUsage string) {
	f.filterFlags.add(cmd)
	f.timeFlags.add(cmd)
	f.aggregation = newChoice("none", "none", "avg", "sum", "min", "max", "count", "p50", "p90", "p95", "p99", "rate")
	flags := cmd.Flags()
	flags.StringSliceVar(&f.names, "name", nil, "only these metrics; a trailing * matches any ending")
	addChoice(cmd, flags, &f.aggregation, "aggregation", "", "how the points of a window become one value; none: the points themselves")
	flags.StringSliceVar(&f.groupBy, "group-by", nil, "labels by which to put series together, with an aggregation")
	flags.DurationVar(&f.resolution, "resolution", 0, "width of a window, with an aggregation; 0: one window")
	flags.Uint32Var(&f.limit, "limit", limit, limitUsage)
}

func (f *metricFlags) aggregates() bool { return f.aggregation.value != "none" }

// query leaves filter.limit to the command.
func (f *metricFlags) query(a *app) (*tapiov1.MetricQuery, error) {
	if !f.aggregates() && (len(f.groupBy) > 0 || f.resolution != 0) {
		return nil, usageErrorf("--group-by and --resolution need an --aggregation, for example avg")
	}
	filter, err := f.filter()
	if err != nil {
		return nil, err
	}
	if filter.TimeRange, err = f.timeRange(a); err != nil {
		return nil, err
	}
	query := &tapiov1.MetricQuery{MetricNames: f.names, Filter: filter, GroupBy: f.groupBy}
	if f.aggregates() {
		name := "AGGREGATION_TYPE_" + strings.ToUpper(f.aggregation.value)
		query.Aggregation = tapiov1.MetricQuery_AggregationType(tapiov1.MetricQuery_AggregationType_value[name])
	}
	if f.resolution != 0 {
		query.Resolution = durationpb.New(f.resolution)
	}
	return query, nil
}
