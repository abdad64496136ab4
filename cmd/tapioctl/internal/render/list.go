// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package render

import (
	"google.golang.org/protobuf/proto"
)

// Table is how the items of a list are printed.
type Table[Item proto.Message] struct {
	What    string // they are, in the plural
	Heading []string
	Row     func(Item) []Cell
}

// Print prints items that came at once.
func (t *Table[Item]) Print(o *Output, format string, items []Item) {
	o.NoteIfNone(len(items), t.What)
	if format != "table" {
		for _, item := range items {
			o.PrintMessage(format, item)
		}
		return
	}
	if len(items) == 0 {
		return
	}
	rows := make([][]Cell, len(items))
	for i, item := range items {
		rows[i] = t.Row(item)
	}
	o.PrintTable(t.Heading, rows)
}
