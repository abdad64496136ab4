// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

func newStatusCommand(a *app) *cobra.Command {
	format := newChoice("table", "table", "json", "yaml")
	cmd := &cobra.Command{
		Use:     "status",
		Short:   "Tell whether the server is healthy and how full its store is",
		Long:    "Tell whether the server is healthy, part by part, and how full its store is.\nThe exit code is 0 when the server serves, in full or in part (DEGRADED), else 1.",
		Example: "  tapioctl status\n  tapioctl status -o json | jq .health.status",
		Args:    cobra.NoArgs,
		RunE: a.connected(func(ctx context.Context, c clients, _ []string) error {
			return a.status(ctx, c, format.value)
		}),
	}
	addChoice(cmd, cmd.Flags(), &format, "output", "o", "output format")
	return cmd
}

func (a *app) status(ctx context.Context, c clients, format string) error {
	health, err := call(ctx, a, c.tapio.HealthCheck, &tapiov1.HealthCheckRequest{})
	if err != nil {
		return err
	}
	info, err := call(ctx, a, c.tapio.GetServiceInfo, &tapiov1.GetServiceInfoRequest{})
	if err != nil {
		return err
	}
	if format == "table" {
		a.printStatus(health, info)
	} else {
		document := appendJSON([]byte(`{"health":`), health)
		document = appendJSON(append(document, `,"info":`...), info)
		a.printDocument(format, append(document, '}'))
	}
	return a.healthError(health)
}

func (a *app) healthError(health *tapiov1.HealthCheckResponse) error {
	switch health.GetStatus() {
	case tapiov1.HealthCheckResponse_STATUS_SERVING, tapiov1.HealthCheckResponse_STATUS_DEGRADED:
		return nil
	default:
		return &exitError{exitRefused, fmt.Sprintf("the server at %s does not serve", a.flags.server)}
	}
}

func (a *app) printStatus(health *tapiov1.HealthCheckResponse, info *tapiov1.GetServiceInfoResponse) {
	overall := healthCell(health.GetStatus())
	fmt.Fprintf(a.out, "%s %s at %s: %s\n", orDash(oneLine(info.GetName())), oneLine(info.GetVersion()),
		a.flags.server, a.paint(overall.paint, overall.text))
	if up := info.GetStartTime(); up != nil {
		fmt.Fprintf(a.out, "up for %s; keeps records for at most %s\n",
			shortDuration(a.now().Sub(up.AsTime())), info.GetMaxAge().AsDuration())
	}
	a.write("\n")
	var parts [][]cell
	for _, part := range health.GetComponents() {
		parts = append(parts, []cell{{part.GetName(), plain}, healthCell(part.GetStatus()), {part.GetMessage(), plain}})
	}
	a.printTable([]string{"COMPONENT", "STATUS", "MESSAGE"}, parts)
	a.write("\n")
	a.printOccupancy(info.GetStore())
	a.printNotes(info)
}

// printNotes tells what the table has no place for, where there is something to
// tell.
func (a *app) printNotes(info *tapiov1.GetServiceInfoResponse) {
	for _, s := range info.GetStore() {
		if n := s.GetUnindexedKeyCount(); n > 0 {
			fmt.Fprintf(a.out, "\n%s: %s label keys are not indexed, for their values are too many, too long or composed; queries for these look at more records: %s\n",
				s.GetSignal(), thousands(n), oneLine(strings.Join(s.GetUnindexedKeys(), ", ")))
		}
	}
	for _, s := range info.GetStore() {
		if n := s.GetEvictedSeriesCount(); n > 0 {
			fmt.Fprintf(a.out, "\n%s: %s series were dropped with their last point; those held take %s\n",
				s.GetSignal(), thousands(n), size(s.GetSeriesBytes()))
		}
	}
	if d := info.GetDirectory(); d != nil {
		fmt.Fprintf(a.out, "\nkept in %s: %s, %s writes failed, %s files set aside\n", oneLine(d.GetPath()), size(d.GetSizeBytes()),
			thousands(d.GetFailedWriteCount()), thousands(d.GetCorruptFileCount()))
	}
	if q := info.GetQueryMemory(); q.GetRefusedCount() > 0 {
		fmt.Fprintf(a.out, "\nqueries: %s were refused, for they would have held more than the %s of store::query_memory\n",
			thousands(q.GetRefusedCount()), size(q.GetLimitBytes()))
	}
}

func (a *app) printOccupancy(stats []*tapiov1.StoreStats) {
	var rows [][]cell
	for _, s := range stats {
		oldest := "-"
		if t := s.GetOldestTime(); t != nil {
			oldest = shortDuration(a.now().Sub(t.AsTime())) + " ago"
		}
		rows = append(rows, cells(s.GetSignal(), thousands(s.GetRecordCount()), size(s.GetSizeBytes()),
			size(s.GetCapacityBytes()), share(s.GetSizeBytes(), s.GetCapacityBytes()), distinct(s), oldest))
	}
	a.printTable([]string{"SIGNAL", "RECORDS", "SIZE", "CAPACITY", "FULL", "DISTINCT", "OLDEST"}, rows)
}

// distinct is how many series or labels there are.
func distinct(s *tapiov1.StoreStats) string {
	switch {
	case s.GetSeriesCount() > 0:
		return thousands(s.GetSeriesCount()) + " series"
	case s.GetLabelCount() > 0:
		return thousands(s.GetLabelCount()) + " labels"
	default:
		return "-"
	}
}

func share(part, whole uint64) string {
	if whole == 0 {
		return "-"
	}
	return fmt.Sprintf("%.0f%%", 100*float64(part)/float64(whole))
}

func healthCell(status tapiov1.HealthCheckResponse_Status) cell {
	text := strings.TrimPrefix(status.String(), "STATUS_")
	switch status {
	case tapiov1.HealthCheckResponse_STATUS_SERVING:
		return cell{text, green}
	case tapiov1.HealthCheckResponse_STATUS_DEGRADED:
		return cell{text, yellow}
	default:
		return cell{text, red}
	}
}
