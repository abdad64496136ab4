// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"google.golang.org/protobuf/proto"

	"github.com/spf13/cobra"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

const (
	defaultListed = 100
	listedPerPage = 1000
)

// listFlags are those of commands that list what there is.
type listFlags struct {
	filterFlags
	timeFlags
	limit  uint32
	order  choice
	format choice
}

func newListFlags() *listFlags {
	return &listFlags{order: newChoice("name", "name", "count"), format: newChoice("table", "table", "json", "yaml")}
}

func (f *listFlags) add(cmd *cobra.Command, what string) {
	f.filterFlags.add(cmd)
	f.timeFlags.add(cmd)
	cmd.Flags().Uint32Var(&f.limit, "limit", defaultListed, "most "+what+" to print")
	addChoice(cmd, cmd.Flags(), &f.order, "sort", "", "order of the "+what+"; by count, those with the most records first")
	addChoice(cmd, cmd.Flags(), &f.format, "output", "o", "output format")
}

func (f *listFlags) query(a *app) (*tapiov1.Filter, tapiov1.ListOrder, error) {
	if f.limit == 0 {
		return nil, 0, usageErrorf("--limit must be 1 or more")
	}
	filter, err := f.filter()
	if err != nil {
		return nil, 0, err
	}
	filter.Limit = min(f.limit, listedPerPage)
	if filter.TimeRange, err = f.timeRange(a); err != nil {
		return nil, 0, err
	}
	order := tapiov1.ListOrder_LIST_ORDER_UNSPECIFIED
	if f.order.value == "count" {
		order = tapiov1.ListOrder_LIST_ORDER_COUNT
	}
	return filter, order, nil
}

// table is how the items of a list are printed.
type table[Item proto.Message] struct {
	what    string // they are, in the plural
	heading []string
	row     func(Item) []cell
}

// print prints items that came at once.
func (t *table[Item]) print(a *app, format string, items []Item) {
	a.noteIfNone(len(items), t.what)
	if format != "table" {
		for _, item := range items {
			a.printMessage(format, item)
		}
		return
	}
	if len(items) == 0 {
		return
	}
	rows := make([][]cell, len(items))
	for i, item := range items {
		rows[i] = t.row(item)
	}
	a.printTable(t.heading, rows)
}

// printPages prints items page after page.
func (t *table[Item]) printPages(
	a *app, format string, filter *tapiov1.Filter, limit uint32, fetch func() (page []Item, next string, err error),
) error {
	var all []Item
	err := eachPage(filter, limit, func(wanted int) (int, string, error) {
		page, next, err := fetch()
		if err != nil {
			return 0, "", err
		}
		page = firstOf(wanted, page)
		all = append(all, page...)
		return len(page), next, nil
	})
	if err != nil && len(all) == 0 {
		return err
	}
	t.print(a, format, all) // what came before an error is still true
	return err
}

// selectionFlags select log records or spans.
type selectionFlags struct {
	filterFlags
	timeFlags
	spanFlags
	signal choice
}

func (f *selectionFlags) add(cmd *cobra.Command) {
	f.signal = newChoice("logs", "logs", "traces")
	addChoice(cmd, cmd.Flags(), &f.signal, "signal", "", "log records or spans")
	f.addForRecords(cmd)
	f.timeFlags.add(cmd)
	f.spanFlags.add(cmd, "of --signal traces, a span")
}

func (f *selectionFlags) selection(a *app) (*tapiov1.RecordSelection, error) {
	filter, err := f.filter()
	if err != nil {
		return nil, err
	}
	if filter.TimeRange, err = f.timeRange(a); err != nil {
		return nil, err
	}
	query := f.query(filter, nil)
	selection := &tapiov1.RecordSelection{
		Signal: tapiov1.Signal_SIGNAL_LOGS, Filter: filter, Operations: query.GetOperations(),
		MinDuration: query.GetMinDuration(), MaxDuration: query.GetMaxDuration(), StatusCodes: query.GetStatusCodes(),
	}
	if f.signal.value == "traces" {
		selection.Signal = tapiov1.Signal_SIGNAL_TRACES
	}
	return selection, nil
}
