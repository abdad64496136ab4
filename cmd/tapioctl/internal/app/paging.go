// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package app

import (
	"google.golang.org/protobuf/proto"

	"github.com/tapio/tapio/cmd/tapioctl/internal/render"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// The bounds of answers of log records.
const (
	DefaultRecords = 100
	RecordsPerPage = 1000
)

// The bounds of answers of traces.
const (
	DefaultTraces = 20
	TracesPerPage = 100
)

// EachPage fetches page after page until limit rows are there or no more are
// stored. fetch gets how many rows are still wanted and returns how many it
// took. Only the page token may change between pages.
func EachPage(filter *tapiov1.Filter, limit uint32, fetch func(wanted int) (took int, next string, err error)) error {
	for wanted := int(limit); wanted > 0; {
		took, next, err := fetch(wanted)
		if err != nil {
			return err
		}
		if next == "" || next == filter.GetPageToken() {
			return nil
		}
		filter.PageToken = next
		wanted -= took
	}
	return nil
}

// PrintPages prints items page after page.
func PrintPages[Item proto.Message](
	t *render.Table[Item], o *render.Output, format string, filter *tapiov1.Filter, limit uint32, fetch func() (page []Item, next string, err error),
) error {
	var all []Item
	err := EachPage(filter, limit, func(wanted int) (int, string, error) {
		page, next, err := fetch()
		if err != nil {
			return 0, "", err
		}
		page = render.FirstOf(wanted, page)
		all = append(all, page...)
		return len(page), next, nil
	})
	if err != nil && len(all) == 0 {
		return err
	}
	t.Print(o, format, all) // what came before an error is still true
	return err
}
