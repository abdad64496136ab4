// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package render

import (
	"strings"
	"unicode/utf8"
)

const (
	columnGap = "  "
	// A longer text takes its own row out of line, not all others apart.
	maxColumnWidth = 48
)

// Cell is one field of a table. It carries its color apart, so that the width
// is that of the text alone.
type Cell struct {
	Text  string
	Paint Color
}

// Cells makes a row of texts without color.
func Cells(texts ...string) []Cell {
	row := make([]Cell, len(texts))
	for i, text := range texts {
		row[i].Text = text
	}
	return row
}

// PrintTable prints rows under a heading, each column as wide as its widest
// cell of up to 48 characters.
func (o *Output) PrintTable(heading []string, rows [][]Cell) {
	widths := make([]int, len(heading))
	for i, title := range heading {
		widths[i] = utf8.RuneCountInString(title)
	}
	for _, row := range rows {
		for i := range row {
			row[i].Text = OneLine(row[i].Text)
			if width := utf8.RuneCountInString(row[i].Text); width <= maxColumnWidth {
				widths[i] = max(widths[i], width)
			}
		}
	}
	o.printHeading(heading, widths)
	for _, row := range rows {
		o.printRow(row, widths)
	}
}

func (o *Output) printHeading(heading []string, widths []int) {
	row := Cells(heading...)
	for i := range row {
		row[i].Paint = Bold
	}
	o.printRow(row, widths)
}

// printRow pads every cell to its column but the last that is not empty.
func (o *Output) printRow(row []Cell, widths []int) {
	last := len(row) - 1
	for last > 0 && row[last].Text == "" {
		last--
	}
	for i, c := range row[:last+1] {
		o.WriteText(o.Paint(c.Paint, c.Text))
		if i < last {
			o.WriteText(strings.Repeat(" ", max(0, widths[i]-utf8.RuneCountInString(c.Text))) + columnGap)
		}
	}
	o.WriteText("\n")
}
