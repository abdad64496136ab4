// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package selector

import (
	"time"

	"github.com/spf13/cobra"
	tracev1 "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/types/known/durationpb"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// SpanFlags are the conditions on a span beyond those of every signal.
type SpanFlags struct {
	operations  []string
	minDuration time.Duration
	maxDuration time.Duration
	failed      bool
}

// Add adds the flags; which reports what they select.
func (f *SpanFlags) Add(cmd *cobra.Command, which string) {
	flags := cmd.Flags()
	flags.StringSliceVar(&f.operations, "operation", nil, "only "+which+" of this name; a trailing * matches any ending")
	flags.DurationVar(&f.minDuration, "min-duration", 0, "only "+which+" of at least this duration")
	flags.DurationVar(&f.maxDuration, "max-duration", 0, "only "+which+" of at most this duration")
	flags.BoolVar(&f.failed, "error", false, "only "+which+" that failed")
}

// Query is what the flags select, of these traces if there are any.
func (f *SpanFlags) Query(filter *tapiov1.Filter, ids []string) *tapiov1.TraceQuery {
	query := &tapiov1.TraceQuery{TraceIds: ids, Operations: f.operations, Filter: filter}
	if f.minDuration > 0 {
		query.MinDuration = durationpb.New(f.minDuration)
	}
	if f.maxDuration > 0 {
		query.MaxDuration = durationpb.New(f.maxDuration)
	}
	if f.failed {
		query.StatusCodes = []tracev1.Status_StatusCode{tracev1.Status_STATUS_CODE_ERROR}
	}
	return query
}
