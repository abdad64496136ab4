// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package selector

import (
	"github.com/spf13/cobra"

	"github.com/tapio/tapio/cmd/tapioctl/internal/exitcode"
	"github.com/tapio/tapio/cmd/tapioctl/internal/render"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// PageFlags bound an answer that comes in pages.
type PageFlags struct {
	TimeFlags
	Limit       uint32
	OldestFirst bool
}

// Add adds the flags.
func (f *PageFlags) Add(cmd *cobra.Command, limit uint32, what string) {
	f.TimeFlags.Add(cmd)
	cmd.Flags().Uint32Var(&f.Limit, "limit", limit, "maximum number of "+what+" to print")
	cmd.Flags().BoolVar(&f.OldestFirst, "oldest-first", false, "print the oldest first")
}

// Apply puts the flags into a filter.
func (f *PageFlags) Apply(c *render.Clock, filter *tapiov1.Filter, maxPage uint32) error {
	if f.Limit == 0 {
		return exitcode.UsageErrorf("--limit must be 1 or more")
	}
	var err error
	filter.TimeRange, err = f.TimeRange(c)
	filter.Limit = min(f.Limit, maxPage)
	filter.Ascending = f.OldestFirst
	return err
}
