// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package selector

import (
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/tapio/tapio/cmd/tapioctl/internal/exitcode"
	"github.com/tapio/tapio/cmd/tapioctl/internal/render"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// MetricFlags select metric points and how to aggregate them.
type MetricFlags struct {
	FilterFlags
	TimeFlags
	names       []string
	aggregation Choice
	groupBy     []string
	resolution  time.Duration
	Limit       uint32
}

// Add adds the flags.
func (f *MetricFlags) Add(cmd *cobra.Command, limit uint32, limitUsage string) {
	f.FilterFlags.Add(cmd)
	f.TimeFlags.Add(cmd)
	f.aggregation = NewChoice("none", "none", "avg", "sum", "min", "max", "count", "p50", "p90", "p95", "p99", "rate")
	flags := cmd.Flags()
	flags.StringSliceVar(&f.names, "name", nil, "only these metrics; a trailing * matches any ending")
	AddChoice(cmd, flags, &f.aggregation, "aggregation", "", "how the points of a window become one value; none: the points themselves")
	flags.StringSliceVar(&f.groupBy, "group-by", nil, "labels to group series by, with an aggregation")
	flags.DurationVar(&f.resolution, "resolution", 0, "width of a window, with an aggregation; 0: one window")
	flags.Uint32Var(&f.Limit, "limit", limit, limitUsage)
}

// Aggregates reports whether the flags ask for an aggregation.
func (f *MetricFlags) Aggregates() bool { return f.aggregation.Value != "none" }

// Query leaves filter.limit to the command.
func (f *MetricFlags) Query(c *render.Clock) (*tapiov1.MetricQuery, error) {
	if !f.Aggregates() && (len(f.groupBy) > 0 || f.resolution != 0) {
		return nil, exitcode.UsageErrorf("--group-by and --resolution need an --aggregation, for example avg")
	}
	filter, err := f.Filter()
	if err != nil {
		return nil, err
	}
	if filter.TimeRange, err = f.TimeRange(c); err != nil {
		return nil, err
	}
	query := &tapiov1.MetricQuery{MetricNames: f.names, Filter: filter, GroupBy: f.groupBy}
	if f.Aggregates() {
		name := "AGGREGATION_TYPE_" + strings.ToUpper(f.aggregation.Value)
		query.Aggregation = tapiov1.MetricQuery_AggregationType(tapiov1.MetricQuery_AggregationType_value[name])
	}
	if f.resolution != 0 {
		query.Resolution = durationpb.New(f.resolution)
	}
	return query, nil
}
