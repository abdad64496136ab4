// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package selector

import (
	"github.com/spf13/cobra"

	"github.com/tapio/tapio/cmd/tapioctl/internal/exitcode"
	"github.com/tapio/tapio/cmd/tapioctl/internal/render"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// The bounds of lists of names.
const (
	DefaultListed = 100
	ListedPerPage = 1000
)

// ListFlags are those of commands that list what there is.
type ListFlags struct {
	FilterFlags
	TimeFlags
	Limit  uint32
	order  Choice
	Format Choice
}

// NewListFlags makes flags with the default order and format.
func NewListFlags() *ListFlags {
	return &ListFlags{order: NewChoice("name", "name", "count"), Format: NewChoice("table", "table", "json", "yaml")}
}

// Add adds the flags.
func (f *ListFlags) Add(cmd *cobra.Command, what string) {
	f.FilterFlags.Add(cmd)
	f.TimeFlags.Add(cmd)
	cmd.Flags().Uint32Var(&f.Limit, "limit", DefaultListed, "maximum number of "+what+" to print")
	AddChoice(cmd, cmd.Flags(), &f.order, "sort", "", "order of the "+what+"; by count, those with the most records first")
	AddChoice(cmd, cmd.Flags(), &f.Format, "output", "o", "output format")
}

// Query is what to list, and in which order.
func (f *ListFlags) Query(c *render.Clock) (*tapiov1.Filter, tapiov1.ListOrder, error) {
	if f.Limit == 0 {
		return nil, 0, exitcode.UsageErrorf("--limit must be 1 or more")
	}
	filter, err := f.Filter()
	if err != nil {
		return nil, 0, err
	}
	filter.Limit = min(f.Limit, ListedPerPage)
	if filter.TimeRange, err = f.TimeRange(c); err != nil {
		return nil, 0, err
	}
	order := tapiov1.ListOrder_LIST_ORDER_UNSPECIFIED
	if f.order.Value == "count" {
		order = tapiov1.ListOrder_LIST_ORDER_COUNT
	}
	return filter, order, nil
}

// SelectionFlags select log records or spans.
type SelectionFlags struct {
	FilterFlags
	TimeFlags
	SpanFlags
	signal Choice
}

// Add adds the flags.
func (f *SelectionFlags) Add(cmd *cobra.Command) {
	f.signal = NewChoice("logs", "logs", "traces")
	AddChoice(cmd, cmd.Flags(), &f.signal, "signal", "", "log records or spans")
	f.AddForRecords(cmd)
	f.TimeFlags.Add(cmd)
	f.SpanFlags.Add(cmd, "with --signal traces: spans")
}

// Selection is what the flags select.
func (f *SelectionFlags) Selection(c *render.Clock) (*tapiov1.RecordSelection, error) {
	filter, err := f.Filter()
	if err != nil {
		return nil, err
	}
	if filter.TimeRange, err = f.TimeRange(c); err != nil {
		return nil, err
	}
	query := f.Query(filter, nil)
	selection := &tapiov1.RecordSelection{
		Signal: tapiov1.Signal_SIGNAL_LOGS, Filter: filter, Operations: query.GetOperations(),
		MinDuration: query.GetMinDuration(), MaxDuration: query.GetMaxDuration(), StatusCodes: query.GetStatusCodes(),
	}
	if f.signal.Value == "traces" {
		selection.Signal = tapiov1.Signal_SIGNAL_TRACES
	}
	return selection, nil
}
