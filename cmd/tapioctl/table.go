// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"unicode/utf8"
)

const columnGap = "  "

// cell is one field of a table. It carries its color apart, so that the width
// is that of the text alone.
type cell struct {
	text  string
	paint color
}

func cells(texts ...string) []cell {
	row := make([]cell, len(texts))
	for i, text := range texts {
		row[i].text = text
	}
	return row
}

// printTable prints rows under a heading, each column as wide as its widest
// cell.
func (a *app) printTable(heading []string, rows [][]cell) {
	widths := make([]int, len(heading))
	for i, title := range heading {
		widths[i] = utf8.RuneCountInString(title)
	}
	for _, row := range rows {
		for i := range row {
			row[i].text = oneLine(row[i].text)
			widths[i] = max(widths[i], utf8.RuneCountInString(row[i].text))
		}
	}
	a.printHeading(heading, widths)
	for _, row := range rows {
		a.printRow(row, widths)
	}
}

func (a *app) printHeading(heading []string, widths []int) {
	row := cells(heading...)
	for i := range row {
		row[i].paint = bold
	}
	a.printRow(row, widths)
}

// printRow pads every cell to its column but the last that says anything.
func (a *app) printRow(row []cell, widths []int) {
	last := len(row) - 1
	for last > 0 && row[last].text == "" {
		last--
	}
	for i, c := range row[:last+1] {
		a.write(a.paint(c.paint, c.text))
		if i < last {
			a.write(strings.Repeat(" ", max(0, widths[i]-utf8.RuneCountInString(c.text))) + columnGap)
		}
	}
	a.write("\n")
}
