// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	tracev1 "go.opentelemetry.io/proto/otlp/trace/v1"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

const (
	barWidth = 40
	// Deeper spans are drawn at this depth: a runaway recursion must not fill
	// the screen with branches.
	maxDrawnDepth = 40
)

func newGetTraceCommand(a *app) *cobra.Command {
	format := newChoice("tree", "tree", "json", "jsonpb", "yaml")
	request := &tapiov1.GetTraceTimelineRequest{}
	cmd := &cobra.Command{
		Use:   "trace ID",
		Short: "Print one trace as a tree laid out in time",
		Long: `Print one trace as a tree laid out in time. Spans on the critical path, the
chain that decided when the trace ended, have a * and a solid bar; SELF is the
part of a span's duration that no child covers. Below stand the log records that
were written under the trace.

ID is a trace id, the beginning of one, or trace:span as findings name a span,
which is then marked.`,
		Example: `  tapioctl get trace 4bf92f3577b34da6a3ce929d0e0e4736
  tapioctl get trace 4bf92f35
  tapioctl get trace 4bf92f3577b34da6a3ce929d0e0e4736:00f067aa0ba902b7`,
		Args: oneArgument("ID"),
		RunE: a.connected(func(ctx context.Context, c clients, args []string) error {
			trace, span := splitSpanID(args[0])
			var err error
			if request.TraceId, err = a.traceID(ctx, c, trace); err != nil {
				return err
			}
			timeline, err := call(ctx, a, c.observability.GetTraceTimeline, request)
			if err != nil {
				return err
			}
			return a.printTimeline(timeline, format.value, span)
		}),
	}
	cmd.Flags().BoolVar(&request.OmitLogs, "no-logs", false, "leave the log records out")
	addChoice(cmd, cmd.Flags(), &format, "output", "o", "output format")
	return cmd
}

type timeline = tapiov1.GetTraceTimelineResponse

func (a *app) printTimeline(t *timeline, format, span string) error {
	switch format {
	case "json", "yaml":
		a.printMessage(format, t)
		return nil
	case "jsonpb":
		return a.printRawJSON(t)
	}
	a.printTraceHead(t.GetTrace())
	a.printTable([]string{"OFFSET", "DURATION", "SELF", "TIMELINE", "", "SPAN"}, a.timelineRows(t, span))
	if len(t.GetLogs()) == 0 {
		return nil
	}
	fmt.Fprintf(a.out, "\n%s\n", a.paint(bold, "LOGS"))
	printer := a.recordPrinter("compact")
	return printer.print(batch{raw: t, events: t.GetLogs()})
}

func (a *app) printTraceHead(trace *tapiov1.Trace) {
	fmt.Fprintf(a.out, "trace %s: %s %s\n", oneLine(trace.GetTraceId()),
		a.paint(cyan, oneLine(orDash(trace.GetRootService()))), a.paint(bold, oneLine(orDash(trace.GetRootName()))))
	failures := a.paint(plain, "no errors")
	if n := trace.GetErrorCount(); n > 0 {
		failures = a.paint(red, plural(n, "error"))
	}
	fmt.Fprintf(a.out, "%s, %s, %s, %s; services: %s\n",
		a.stamp(trace.GetStartTime()),
		shortDuration(trace.GetDuration().AsDuration()), plural(trace.GetSpanCount(), "span"), failures,
		oneLine(orDash(strings.Join(trace.GetServices(), ", "))))
	if !trace.GetComplete() {
		a.write(a.paint(yellow, "incomplete: the root or the parent of a span is not stored") + "\n")
	}
	a.write("\n")
}

func (a *app) timelineRows(t *timeline, marked string) [][]cell {
	spans := t.GetSpans()
	branches := treeBranches(spans)
	rows := make([][]cell, len(spans))
	for i, s := range spans {
		paint, mark := plain, ""
		if s.GetCritical() {
			paint, mark = bold, "*"
		}
		if s.GetSpan().GetStatus().GetCode() == tracev1.Status_STATUS_CODE_ERROR {
			paint = red
		}
		rows[i] = []cell{
			{shortDuration(s.GetOffset().AsDuration()), plain},
			{shortDuration(s.GetDuration().AsDuration()), plain},
			{shortDuration(s.GetSelfTime().AsDuration()), dim},
			{"|" + bar(s, t.GetTrace().GetDuration().AsDuration()) + "|", paint},
			{mark, bold},
			{branches[i] + spanLabel(s) + marker(s, marked), paint},
		}
	}
	return rows
}

// marker marks the span that was asked for.
func marker(s *tapiov1.GetTraceTimelineResponse_TimelineSpan, span string) string {
	if span == "" || !strings.HasPrefix(hex.EncodeToString(s.GetSpan().GetSpanId()), span) {
		return ""
	}
	return "  <-- " + span
}

func spanLabel(s *tapiov1.GetTraceTimelineResponse_TimelineSpan) string {
	label := orDash(s.GetService()) + ": " + orDash(s.GetSpan().GetName())
	if s.GetSpan().GetStatus().GetCode() == tracev1.Status_STATUS_CODE_ERROR {
		label += " [error" + strings.TrimRight(": "+s.GetSpan().GetStatus().GetMessage(), ": ") + "]"
	}
	if s.GetOrphan() {
		label += " [parent not stored]"
	}
	return label
}

// bar draws when a span ran within the trace; even the shortest shows.
func bar(s *tapiov1.GetTraceTimelineResponse_TimelineSpan, total time.Duration) string {
	from := column(s.GetOffset().AsDuration(), total)
	to := column(s.GetOffset().AsDuration()+s.GetDuration().AsDuration(), total)
	from = min(from, barWidth-1)
	to = max(to, from+1)
	stroke := "░"
	if s.GetCritical() {
		stroke = "█"
	}
	return strings.Repeat(" ", from) + strings.Repeat(stroke, to-from) + strings.Repeat(" ", barWidth-to)
}

func column(at, total time.Duration) int {
	if total <= 0 {
		return 0
	}
	share := float64(at) / float64(total)
	return int(min(max(share, 0), 1) * barWidth)
}

// treeBranches draws the lines before each span of a tree given in order with
// depths. It goes backwards: more[d] tells whether a later span at depth d hangs
// on the same parent.
func treeBranches(spans []*tapiov1.GetTraceTimelineResponse_TimelineSpan) []string {
	branches := make([]string, len(spans))
	var more [maxDrawnDepth + 1]bool
	for i := len(spans) - 1; i >= 0; i-- {
		depth := int(min(spans[i].GetDepth(), maxDrawnDepth))
		branches[i] = branch(more[:depth+1])
		clear(more[depth+1:])
		more[depth] = true
	}
	return branches
}

// branch draws the line to one span; more has an entry for each of its
// ancestors, from the root on, and one for itself.
func branch(more []bool) string {
	if len(more) == 1 {
		return ""
	}
	var b strings.Builder
	for _, continues := range more[1 : len(more)-1] {
		if continues {
			b.WriteString("│  ")
		} else {
			b.WriteString("   ")
		}
	}
	if more[len(more)-1] {
		b.WriteString("├─ ")
	} else {
		b.WriteString("└─ ")
	}
	return b.String()
}
