// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package render

import (
	"strings"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// PointPrinter prints metric points in one format.
type PointPrinter struct{ StreamPrinter }

// printDict prints everything of a point but buckets, which -o json has, and an
// empty line after.
func (p *PointPrinter) printDict(point MetricPoint) {
	p.entry("time", p.fullTime(point.time))
	p.entry("metric", point.metric.GetName())
	p.entry("type", point.kind)
	p.entry("value", point.value)
	p.entry("unit", point.metric.GetUnit())
	p.entry("description", point.metric.GetDescription())
	p.entry("service", point.service)
	p.entry("scope", point.scope)
	p.entries("attributes", point.labels)
	p.entries("resource", point.resource)
	p.WriteText("\n")
}

// Print implements Printer.
func (p *PointPrinter) Print(b Batch) error {
	if done, err := p.printShared(b); done {
		return err
	}
	resources := b.Raw.(*tapiov1.StreamMetricsResponse).GetResourceMetrics()
	if p.format == "json" || p.format == "yaml" {
		for _, resource := range resources {
			p.PrintMessage(p.format, resource)
		}
		return nil
	}
	for _, point := range PointsOf(resources) {
		p.printPoint(point)
	}
	return nil
}

func (p *PointPrinter) printPoint(point MetricPoint) {
	switch p.format {
	case "table":
		p.printTableRow(point)
		return
	case "dict":
		p.printDict(point)
		return
	}
	parts := []string{
		p.Paint(Dim, p.shortTime(point.time)),
		p.Paint(Cyan, OneLine(OrDash(point.service))),
		OneLine(point.metric.GetName()),
		p.Paint(Bold, point.value),
	}
	if unit := point.metric.GetUnit(); unit != "" && unit != "1" {
		parts = append(parts, OneLine(unit))
	}
	for _, kv := range point.labels {
		parts = append(parts, p.Paint(Dim, labelText(kv)))
	}
	p.WriteText(strings.Join(parts, " ") + "\n")
}

func (p *PointPrinter) printTableRow(point MetricPoint) {
	widths := []int{19, 36, 13, 16, 8, 16, 0}
	p.printHeadingOnce(pointHeading(), widths)
	row := pointRow(p.Output, point)
	for i := range row {
		row[i].Text = OneLine(row[i].Text)
	}
	p.printRow(row, widths)
}

// NewPointPrinter prints metric points in the format.
func NewPointPrinter(o *Output, format string) *PointPrinter {
	return &PointPrinter{StreamPrinter{Output: o, format: format}}
}
