// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"

	"github.com/tapio/tapio/internal/semconv"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

const (
	groupEventName = semconv.EventSemanticGroup
	findingIDKey   = semconv.FindingID
)

func newObserveIncidentsCommand(a *app) *cobra.Command {
	f := &observeFlags{format: newChoice("text", "text", "table", "json", "yaml")}
	all := false
	cmd := &cobra.Command{
		Use:     "incidents",
		Aliases: []string{"groups"},
		Short:   "Show the latest incidents, and follow them live",
		Long: `Show the latest incidents, the oldest first; with --follow, wait for new ones
and for changes: an incident is printed again when its state, title or cause
changes. Times are in UTC, as in the text of incidents. Observations and planned
changes, which affect no one, are shown with --all.`,
		Example: `  tapioctl observe incidents -f
  tapioctl observe incidents --since 1d -o table`,
		Args: cobra.NoArgs,
		RunE: a.connected(func(ctx context.Context, c clients, _ []string) error {
			a.zone = time.UTC
			return a.observeIncidents(ctx, c, f, all)
		}),
	}
	flags := cmd.Flags()
	flags.BoolVarP(&f.follow, "follow", "f", false, "wait for new incidents and changes")
	flags.Uint32Var(&f.last, "last", 0, "begin with the last N incidents (default 20 without --since)")
	flags.StringVar(&f.since, "since", "", "begin with the incidents that go on or ended at most this long ago, "+timeForms)
	flags.BoolVar(&all, "all", false, "also show observations and planned changes, which affect no one")
	cmd.MarkFlagsMutuallyExclusive("last", "since")
	addChoice(cmd, flags, &f.format, "output", "o", "output format")
	cmd.PreRunE = func(cmd *cobra.Command, _ []string) error { return f.check(cmd.Flags().Changed("last")) }
	return cmd
}

// observeIncidents prints the incidents that are stored and, with --follow, their
// changes.
func (a *app) observeIncidents(ctx context.Context, c clients, f *observeFlags, all bool) error {
	filter := &tapiov1.Filter{Limit: f.last}
	kinds := []tapiov1.SemanticGroup_Kind{tapiov1.SemanticGroup_KIND_INCIDENT}
	if all {
		kinds = nil
	}
	if f.last == 0 {
		filter.Limit = defaultLast
	}
	if f.since != "" {
		since, err := a.parseMoment("--since", f.since)
		if err != nil {
			return err
		}
		filter.TimeRange, filter.Limit = &tapiov1.TimeRange{Start: since}, findingsPerPage
	}
	groups, err := a.groups(ctx, c, &tapiov1.GetSemanticGroupsRequest{Filter: filter, Kinds: kinds}, filter.GetLimit())
	if err != nil {
		return err
	}
	slices.Reverse(groups)
	printer := newIncidentPrinter(a, f.format.value, func(ids []string) ([]*tapiov1.SemanticGroup, error) {
		return a.groups(ctx, c, &tapiov1.GetSemanticGroupsRequest{GroupIds: ids, Kinds: kinds}, uint32(len(ids)))
	})
	for _, group := range groups {
		printer.printGroup(group)
	}
	if !f.follow {
		a.noteIfNone(len(groups), "incidents")
		return nil
	}
	return a.followGroups(ctx, c, printer)
}

// groups fetches incidents, the newest first, up to the limit; 0 fetches all.
func (a *app) groups(ctx context.Context, c clients, request *tapiov1.GetSemanticGroupsRequest, limit uint32) ([]*tapiov1.SemanticGroup, error) {
	if request.Filter == nil {
		request.Filter = &tapiov1.Filter{}
	}
	request.Filter.Limit = min(max(limit, 1), findingsPerPage)
	var all []*tapiov1.SemanticGroup
	err := eachPage(request.GetFilter(), limit, func(wanted int) (int, string, error) {
		response, err := call(ctx, a, c.tapio.GetSemanticGroups, request)
		if err != nil {
			return 0, "", err
		}
		page := firstOf(wanted, response.GetGroups())
		all = append(all, page...)
		return len(page), response.GetNextPageToken(), nil
	})
	return all, err
}

// watchGroups prints the incidents that the request selects and then their
// changes, as long as they are selected.
func (a *app) watchGroups(ctx context.Context, c clients, f *findingFlags, request *tapiov1.GetSemanticGroupsRequest) error {
	groups, err := a.groups(ctx, c, request, f.limit)
	if err != nil {
		return err
	}
	if !f.oldestFirst {
		slices.Reverse(groups)
	}
	selected := proto.CloneOf(request)
	selected.Filter.PageToken, selected.Filter.Ascending = "", false
	printer := newIncidentPrinter(a, f.format.value, func(ids []string) ([]*tapiov1.SemanticGroup, error) {
		selected.GroupIds = ids
		if len(request.GetGroupIds()) > 0 {
			selected.GroupIds = slices.DeleteFunc(ids, func(id string) bool { return !slices.Contains(request.GetGroupIds(), id) })
		}
		if len(selected.GetGroupIds()) == 0 {
			return nil, nil
		}
		return a.groups(ctx, c, selected, uint32(len(ids)))
	})
	for _, group := range groups {
		printer.printGroup(group)
	}
	return a.followGroups(ctx, c, printer)
}

// overlap is how far before the present the following of changes begins, so that
// none falls between the first list and the stream.
const overlap = 10 * time.Second

func (a *app) followGroups(ctx context.Context, c clients, printer *incidentPrinter) error {
	if err := a.out.Flush(); err != nil {
		return writeError(err)
	}
	filter := &tapiov1.Filter{EventNames: []string{groupEventName}}
	follower := &follower{
		app: a, tapio: c.tapio, source: source{"logs", openEvents(c.tapio, filter)}, printer: printer,
		begin: beginning{since: a.now().Add(-overlap)},
	}
	return follower.run(ctx)
}

// incidentPrinter prints incidents when they are new and when they change.
type incidentPrinter struct {
	streamPrinter
	fetch func(ids []string) ([]*tapiov1.SemanticGroup, error)
	// printed is what was printed of each incident; the oldest are forgotten.
	printed map[string]string
	order   []string
}

// maxRemembered bounds the incidents of which is known what was printed.
const maxRemembered = 10_000

func newIncidentPrinter(a *app, format string, fetch func(ids []string) ([]*tapiov1.SemanticGroup, error)) *incidentPrinter {
	return &incidentPrinter{
		streamPrinter: streamPrinter{app: a, format: format}, fetch: fetch, printed: map[string]string{},
	}
}

// print takes the records of revisions and prints the incidents as they are now.
func (p *incidentPrinter) print(b batch) error {
	if b.loss != nil {
		p.printLoss(b.loss)
	}
	var ids []string
	for _, event := range b.events {
		id := attribute(event.GetLogRecord().GetAttributes(), findingIDKey)
		if id != "" && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	for part := range slices.Chunk(ids, findingsPerPage) {
		groups, err := p.fetch(part)
		if err != nil {
			return err
		}
		for _, group := range slices.Backward(groups) {
			p.printGroup(group)
		}
	}
	return nil
}

func (p *incidentPrinter) printGroup(g *tapiov1.SemanticGroup) {
	shown := strings.Join([]string{g.GetKind().String(), g.GetState().String(), g.GetTitle(), causeText(g)}, "\x00")
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
		p.printMessage(p.format, g)
	case "table":
		p.printRowOf(g)
	default:
		p.printText(g, !known)
	}
}

func (p *incidentPrinter) remember(id string) {
	p.order = append(p.order, id)
	if len(p.order) > maxRemembered {
		delete(p.printed, p.order[0])
		p.order = p.order[1:]
	}
}

func (p *incidentPrinter) printRowOf(g *tapiov1.SemanticGroup) {
	widths := []int{19, 18, 11, 10, 20, 8, 28, 8, 0}
	p.printHeadingOnce(groupHeading(), widths)
	row := p.groupRow(g)
	for i := range row {
		row[i].text = oneLine(row[i].text)
	}
	p.printRow(row, widths)
}

// printText prints one line and, of an incident that is new, the cause, the
// impact and what to look at next.
func (p *incidentPrinter) printText(g *tapiov1.SemanticGroup, isNew bool) {
	at := g.GetTime()
	if isNew {
		at = g.GetTimeRange().GetStart()
	}
	state := lifeCell(g)
	fmt.Fprintf(p.out, "%s %s %s %s\n", p.paint(dim, p.stamp(at)), p.paint(state.paint, padded(strings.ToUpper(state.text), 8)),
		oneLine(g.GetId()), p.paint(bold, oneLine(g.GetTitle())))
	if into := g.GetMergedInto(); into != "" {
		fmt.Fprintf(p.out, "    merged into %s\n", oneLine(into))
	}
	if !isNew {
		return
	}
	if cause := causeText(g); cause != "-" {
		fmt.Fprintf(p.out, "    cause   %s: %s\n", p.paint(cyan, oneLine(cause)), oneLine(g.GetRootCause().GetCausalFactors()[0].GetReason()))
	}
	if summary := g.GetImpact().GetSummary(); summary != "" {
		fmt.Fprintf(p.out, "    impact  %s\n", oneLine(summary))
	}
	fmt.Fprintf(p.out, "    next    $ tapioctl explain %s\n", oneLine(g.GetId()))
}

// lifeCell is where in its life an incident is; of what is none, what it is.
func lifeCell(g *tapiov1.SemanticGroup) cell {
	switch kind := g.GetKind(); kind {
	case tapiov1.SemanticGroup_KIND_OBSERVATION, tapiov1.SemanticGroup_KIND_CHANGE:
		return cell{word(kind, "KIND_"), plain}
	}
	state := cell{word(g.GetState(), "STATE_"), red}
	switch g.GetState() {
	case tapiov1.SemanticGroup_STATE_CLOSED, tapiov1.SemanticGroup_STATE_MERGED, tapiov1.SemanticGroup_STATE_RESOLVED:
		state.paint = green
	case tapiov1.SemanticGroup_STATE_RECOVERING, tapiov1.SemanticGroup_STATE_UNKNOWN:
		state.paint = yellow
	}
	return state
}

// causeText is the first candidate for the cause with its probability, or "-".
func causeText(g *tapiov1.SemanticGroup) string {
	factors := g.GetRootCause().GetCausalFactors()
	if len(factors) == 0 {
		return "-"
	}
	return entityName(factors[0].GetEntity()) + " " + percent(factors[0].GetProbability())
}

func groupHeading() []string {
	return []string{"START", "ID", "KIND", "STATE", "TYPE", "IMPACT", "CAUSE", "SERVICES", "TITLE"}
}
