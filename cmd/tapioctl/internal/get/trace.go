// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package get

import (
	"context"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	tracev1 "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/tapio/tapio/cmd/tapioctl/internal/app"
	"github.com/tapio/tapio/cmd/tapioctl/internal/render"
	"github.com/tapio/tapio/cmd/tapioctl/internal/selector"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

const (
	barWidth = 40
	// MaxDrawnDepth is at which depth deeper spans are drawn: a runaway recursion must not fill
	// the screen with branches.
	MaxDrawnDepth = 40
)

func newGetTraceCommand(a *app.App) *cobra.Command {
	format := selector.NewChoice("tree", "tree", "json", "jsonpb", "yaml")
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
		Args: app.OneArgument("ID"),
		RunE: a.Connected(func(ctx context.Context, c app.Clients, args []string) error {
			trace, span := app.SplitSpanID(args[0])
			var err error
			if request.TraceId, err = app.FindTraceID(ctx, a, c, trace); err != nil {
				return err
			}
			timeline, err := app.Call(ctx, a, c.Observability.GetTraceTimeline, request)
			if err != nil {
				return err
			}
			return printTimeline(a.Out, timeline, format.Value, span)
		}),
	}
	cmd.Flags().BoolVar(&request.OmitLogs, "no-logs", false, "leave the log records out")
	selector.AddChoice(cmd, cmd.Flags(), &format, "output", "o", "output format")
	return cmd
}

type timeline = tapiov1.GetTraceTimelineResponse

func printTimeline(o *render.Output, t *timeline, format, span string) error {
	switch format {
	case "json", "yaml":
		o.PrintMessage(format, t)
		return nil
	case "jsonpb":
		return o.PrintRawJSON(t)
	}
	printTraceHead(o, t.GetTrace())
	o.PrintTable([]string{"OFFSET", "DURATION", "SELF", "TIMELINE", "", "SPAN"}, timelineRows(t, span))
	if len(t.GetLogs()) == 0 {
		return nil
	}
	fmt.Fprintf(o, "\n%s\n", o.Paint(render.Bold, "LOGS"))
	printer := render.NewRecordPrinter(o, "compact")
	return printer.Print(render.Batch{Raw: t, Events: t.GetLogs()})
}

func printTraceHead(o *render.Output, trace *tapiov1.Trace) {
	fmt.Fprintf(o, "trace %s: %s %s\n", render.OneLine(trace.GetTraceId()),
		o.Paint(render.Cyan, render.OneLine(render.OrDash(trace.GetRootService()))), o.Paint(render.Bold, render.OneLine(render.OrDash(trace.GetRootName()))))
	failures := o.Paint(render.Plain, "no errors")
	if n := trace.GetErrorCount(); n > 0 {
		failures = o.Paint(render.Red, render.Plural(n, "error"))
	}
	fmt.Fprintf(o, "%s, %s, %s, %s; services: %s\n",
		o.Stamp(trace.GetStartTime()),
		render.ShortDuration(trace.GetDuration().AsDuration()), render.Plural(trace.GetSpanCount(), "span"), failures,
		render.OneLine(render.OrDash(strings.Join(trace.GetServices(), ", "))))
	if !trace.GetComplete() {
		o.WriteText(o.Paint(render.Yellow, "incomplete: the root or the parent of a span is not stored") + "\n")
	}
	o.WriteText("\n")
}

func timelineRows(t *timeline, marked string) [][]render.Cell {
	spans := t.GetSpans()
	branches := TreeBranches(spans)
	rows := make([][]render.Cell, len(spans))
	for i, s := range spans {
		paint, mark := render.Plain, ""
		if s.GetCritical() {
			paint, mark = render.Bold, "*"
		}
		if s.GetSpan().GetStatus().GetCode() == tracev1.Status_STATUS_CODE_ERROR {
			paint = render.Red
		}
		rows[i] = []render.Cell{
			{Text: render.ShortDuration(s.GetOffset().AsDuration()), Paint: render.Plain},
			{Text: render.ShortDuration(s.GetDuration().AsDuration()), Paint: render.Plain},
			{Text: render.ShortDuration(s.GetSelfTime().AsDuration()), Paint: render.Dim},
			{Text: "|" + bar(s, t.GetTrace().GetDuration().AsDuration()) + "|", Paint: paint},
			{Text: mark, Paint: render.Bold},
			{Text: branches[i] + spanLabel(s) + marker(s, marked), Paint: paint},
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
	label := render.OrDash(s.GetService()) + ": " + render.OrDash(s.GetSpan().GetName())
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

// TreeBranches draws the lines before each span of a tree given in order with
// depths. It goes backwards: more[d] reports whether a later span at depth d hangs
// on the same parent.
func TreeBranches(spans []*tapiov1.GetTraceTimelineResponse_TimelineSpan) []string {
	branches := make([]string, len(spans))
	var more [MaxDrawnDepth + 1]bool
	for i := len(spans) - 1; i >= 0; i-- {
		depth := int(min(spans[i].GetDepth(), MaxDrawnDepth))
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
