// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package render

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tapio/tapio/internal/semconv"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// The event that a revision of an incident is recorded as, and the attribute of its id.
const (
	GroupEventName = semconv.EventSemanticGroup
	FindingIDKey   = semconv.FindingID
)

// IncidentPrinter prints incidents when they are new and when they change.
type IncidentPrinter struct {
	StreamPrinter
	fetch func(ids []string) ([]*tapiov1.SemanticGroup, error)
	// printed is what was printed of each incident; the oldest are forgotten.
	printed map[string]string
	order   []string
}

// Print takes the records of revisions and prints the incidents as they are now.
func (p *IncidentPrinter) Print(b Batch) error {
	if b.Loss != nil {
		p.printLoss(b.Loss)
	}
	var ids []string
	for _, event := range b.Events {
		id := attribute(event.GetLogRecord().GetAttributes(), FindingIDKey)
		if id != "" && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	for part := range slices.Chunk(ids, FindingsPerPage) {
		groups, err := p.fetch(part)
		if err != nil {
			return err
		}
		for _, group := range slices.Backward(groups) {
			p.PrintGroup(group)
		}
	}
	return nil
}

// PrintGroup prints an incident if it is new or changed.
func (p *IncidentPrinter) PrintGroup(g *tapiov1.SemanticGroup) {
	shown := strings.Join([]string{g.GetKind().String(), g.GetState().String(), g.GetTitle(), CauseText(g)}, "\x00")
	before, known := p.printed[g.GetId()]
	if known && before == shown {
		return
	}
	if !known {
		p.remember(g.GetId())
	}
	p.printed[g.GetId()] = shown
	switch p.format {
	case "json", "yaml":
		p.PrintMessage(p.format, g)
	case "table":
		p.printRowOf(g)
	default:
		p.PrintText(g, !known)
	}
}

func (p *IncidentPrinter) remember(id string) {
	p.order = append(p.order, id)
	if len(p.order) > maxRemembered {
		delete(p.printed, p.order[0])
		p.order = p.order[1:]
	}
}

func (p *IncidentPrinter) printRowOf(g *tapiov1.SemanticGroup) {
	widths := []int{19, 18, 11, 10, 20, 8, 28, 8, 0}
	p.printHeadingOnce(GroupHeading(), widths)
	row := GroupRow(p.Output, g)
	for i := range row {
		row[i].Text = OneLine(row[i].Text)
	}
	p.printRow(row, widths)
}

// PrintText prints one line and, of an incident that is new, the cause, the
// impact and what to look at next.
func (p *IncidentPrinter) PrintText(g *tapiov1.SemanticGroup, isNew bool) {
	at := g.GetTime()
	if isNew {
		at = g.GetTimeRange().GetStart()
	}
	state := lifeCell(g)
	fmt.Fprintf(p.Output, "%s %s %s %s\n", p.Paint(Dim, p.Stamp(at)), p.Paint(state.Paint, padded(strings.ToUpper(state.Text), 8)),
		OneLine(g.GetId()), p.Paint(Bold, OneLine(g.GetTitle())))
	if into := g.GetMergedInto(); into != "" {
		fmt.Fprintf(p.Output, "    merged into %s\n", OneLine(into))
	}
	if !isNew {
		return
	}
	if cause := CauseText(g); cause != "-" {
		fmt.Fprintf(p.Output, "    cause   %s: %s\n", p.Paint(Cyan, OneLine(cause)), OneLine(g.GetRootCause().GetCausalFactors()[0].GetReason()))
	}
	if summary := g.GetImpact().GetSummary(); summary != "" {
		fmt.Fprintf(p.Output, "    impact  %s\n", OneLine(summary))
	}
	fmt.Fprintf(p.Output, "    next    $ tapioctl explain %s\n", OneLine(g.GetId()))
}

// maxRemembered bounds the incidents of which is known what was printed.
const maxRemembered = 10_000

// NewIncidentPrinter prints the incidents that fetch returns.
func NewIncidentPrinter(o *Output, format string, fetch func(ids []string) ([]*tapiov1.SemanticGroup, error)) *IncidentPrinter {
	return &IncidentPrinter{
		StreamPrinter: StreamPrinter{Output: o, format: format}, fetch: fetch, printed: map[string]string{},
	}
}
