// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

type observeMetricsFlags struct {
	observeFlags
	filterFlags
	names []string
}

func newObserveMetricsCommand(a *app) *cobra.Command {
	f := &observeMetricsFlags{observeFlags: observeFlags{format: newRecordFormat("compact")}}
	cmd := &cobra.Command{
		Use:   "metrics",
		Short: "Show the latest metric points, and follow them live",
		Long: `Show the latest metric points, the oldest first, in the order of the store; with
--follow, wait for more.

-o json prints one OTLP/JSON ResourceMetrics a line.`,
		Example: `  tapioctl observe metrics -f --name 'system.memory.*'
  tapioctl observe metrics --since 1m --service checkout -o table`,
		Args: cobra.NoArgs,
	}
	cmd.RunE = a.observing(&f.observeFlags, func([]string) (fileKind, printer, error) {
		kind, err := a.pointsOfFile(f)
		return kind, a.pointPrinter(f), err
	}, func(ctx context.Context, c clients, _ []string) error {
		filter, err := f.filterUntil(&f.filterFlags, a)
		if err != nil {
			return err
		}
		from := source{"metrics", openPoints(c.observability, &tapiov1.MetricQuery{MetricNames: f.names, Filter: filter})}
		return a.observe(ctx, c, &f.observeFlags, from, a.pointPrinter(f))
	})
	f.filterFlags.add(cmd)
	cmd.Flags().StringSliceVar(&f.names, "name", nil, "only these metrics; a trailing * matches any ending")
	f.observeFlags.add(cmd)
	return cmd
}

// pointPrinter prints metric points in one format.
type pointPrinter struct{ streamPrinter }

func (a *app) pointPrinter(f *observeMetricsFlags) *pointPrinter {
	return &pointPrinter{streamPrinter{app: a, format: f.format.value}}
}

func (p *pointPrinter) print(b batch) error {
	if done, err := p.printShared(b); done {
		return err
	}
	resources := b.raw.(*tapiov1.StreamMetricsResponse).GetResourceMetrics()
	if p.format == "json" || p.format == "yaml" {
		for _, resource := range resources {
			p.printMessage(p.format, resource)
		}
		return nil
	}
	for _, point := range pointsOf(resources) {
		p.printPoint(point)
	}
	return nil
}

func (p *pointPrinter) printPoint(point metricPoint) {
	switch p.format {
	case "table":
		p.printTableRow(point)
		return
	case "dict":
		p.printDict(point)
		return
	}
	parts := []string{
		p.paint(dim, p.clock(point.time)),
		p.paint(cyan, oneLine(orDash(point.service))),
		oneLine(point.metric.GetName()),
		p.paint(bold, point.value),
	}
	if unit := point.metric.GetUnit(); unit != "" && unit != "1" {
		parts = append(parts, oneLine(unit))
	}
	for _, kv := range point.labels {
		parts = append(parts, p.paint(dim, labelText(kv)))
	}
	p.write(strings.Join(parts, " ") + "\n")
}

func (p *pointPrinter) printTableRow(point metricPoint) {
	widths := []int{19, 36, 13, 16, 8, 16, 0}
	p.printHeadingOnce(pointHeading(), widths)
	row := p.pointRow(point)
	for i := range row {
		row[i].text = oneLine(row[i].text)
	}
	p.printRow(row, widths)
}
