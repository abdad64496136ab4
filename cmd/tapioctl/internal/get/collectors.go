// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package get

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tapio/tapio/cmd/tapioctl/internal/app"
	"github.com/tapio/tapio/cmd/tapioctl/internal/exitcode"
	"github.com/tapio/tapio/cmd/tapioctl/internal/render"
	"github.com/tapio/tapio/cmd/tapioctl/internal/selector"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// collectorsPage is the most collectors that a server gives at once.
const collectorsPage = 1000

// collectorFlags select registered collectors.
type collectorFlags struct {
	selectors []string
	text      string
	states    []string
	sortBy    string
	limit     uint32
	format    selector.Choice
}

func newGetCollectorsCommand(a *app.App) *cobra.Command {
	f := &collectorFlags{format: selector.NewChoice("table", "table", "json", "yaml")}
	cmd := &cobra.Command{
		Use:   "collectors",
		Short: "List the collectors that are registered, with their state",
		Example: `  tapioctl get collectors
  tapioctl get collectors --state degraded,lost --sort 'last_seen_at desc'
  tapioctl get collectors -l 'node=worker-3,protocol=opamp' -o json`,
		Args: cobra.NoArgs,
		RunE: a.Connected(func(ctx context.Context, c app.Clients, _ []string) error { return getCollectors(ctx, a, c, f) }),
	}
	flags := cmd.Flags()
	flags.StringArrayVarP(&f.selectors, "selector", "l", nil,
		"label selectors on attributes and on collector_id, collector_type, version, node and protocol; repeatable")
	flags.StringVar(&f.text, "text", "", "only collectors whose id or attributes contain this text, ignoring case")
	flags.StringSliceVar(&f.states, "state", nil, "only these states: healthy, degraded, lost")
	flags.StringVar(&f.sortBy, "sort", "", "collector_id (the default), node or last_seen_at, followed by ' desc' to reverse")
	flags.Uint32Var(&f.limit, "limit", collectorsPage, "maximum number of collectors to print")
	selector.AddChoice(cmd, flags, &f.format, "output", "o", "output format")
	return cmd
}

func (f *collectorFlags) request() (*tapiov1.ListCollectorsRequest, error) {
	if f.limit == 0 {
		return nil, exitcode.UsageErrorf("--limit must be 1 or more")
	}
	req := &tapiov1.ListCollectorsRequest{
		OrderBy: f.sortBy,
		Filter:  &tapiov1.Filter{Text: f.text, Limit: min(f.limit, collectorsPage)},
	}
	for _, text := range f.selectors {
		selectors, err := selector.Parse(text)
		if err != nil {
			return nil, err
		}
		req.Filter.LabelSelectors = append(req.Filter.LabelSelectors, selectors...)
	}
	for _, word := range f.states {
		state, known := tapiov1.Collector_State_value["STATE_"+strings.ToUpper(word)]
		if !known || state == 0 {
			return nil, exitcode.UsageErrorf("--state %q: use healthy, degraded or lost", word)
		}
		req.States = append(req.States, tapiov1.Collector_State(state))
	}
	return req, nil
}

func getCollectors(ctx context.Context, a *app.App, c app.Clients, f *collectorFlags) error {
	req, err := f.request()
	if err != nil {
		return err
	}
	var all []*tapiov1.Collector
	var counts map[string]uint64
	err = app.EachPage(req.Filter, f.limit, func(wanted int) (int, string, error) {
		page, err := app.Call(ctx, a, c.Collectors.ListCollectors, req)
		if err != nil {
			return 0, "", err
		}
		counts = page.GetStateCounts()
		took := page.GetCollectors()[:min(wanted, len(page.GetCollectors()))]
		all = append(all, took...)
		return len(took), page.GetNextPageToken(), nil
	})
	if err != nil {
		return err
	}
	a.Out.NoteIfNone(len(all), "collectors")
	if f.format.Value != "table" {
		for _, one := range all {
			a.Out.PrintDocument(f.format.Value, render.AppendJSON(nil, one))
		}
		return nil
	}
	if len(all) == 0 {
		return nil
	}
	PrintCollectors(a.Out, all)
	a.Out.Note("%s: %s", render.Plural(sum(counts), "collector"), StateCounts(counts))
	return nil
}

// PrintCollectors prints a table of collectors.
func PrintCollectors(o *render.Output, all []*tapiov1.Collector) {
	var rows [][]render.Cell
	for _, c := range all {
		state := stateCell(c.GetState())
		rows = append(rows, []render.Cell{
			{Text: c.GetCollectorId(), Paint: render.Plain},
			state,
			{Text: render.OrDash(c.GetCollectorType()), Paint: render.Plain},
			{Text: render.OrDash(c.GetVersion()), Paint: render.Plain},
			{Text: render.OrDash(c.GetNode()), Paint: render.Plain},
			{Text: c.GetProtocol(), Paint: render.Plain},
			{Text: configText(c), Paint: render.Plain},
			{Text: render.ShortDuration(o.Now().Sub(c.GetLastSeenAt().AsTime())) + " ago", Paint: render.Plain},
			{Text: c.GetStatus().GetMessage(), Paint: render.Plain},
		})
	}
	o.PrintTable([]string{"COLLECTOR", "STATE", "TYPE", "VERSION", "NODE", "PROTOCOL", "CONFIG", "SEEN", "MESSAGE"}, rows)
}

func stateCell(state tapiov1.Collector_State) render.Cell {
	word := strings.ToLower(strings.TrimPrefix(state.String(), "STATE_"))
	switch state {
	case tapiov1.Collector_STATE_HEALTHY:
		return render.Cell{Text: word, Paint: render.Green}
	case tapiov1.Collector_STATE_DEGRADED:
		return render.Cell{Text: word, Paint: render.Yellow}
	default:
		return render.Cell{Text: word, Paint: render.Red}
	}
}

// configText is the version in force, and what became of the latest.
func configText(c *tapiov1.Collector) string {
	text := "-"
	if v := c.GetConfigVersion(); v > 0 {
		text = fmt.Sprintf("v%d", v)
	}
	if c.GetConfigStatus().GetResult() == tapiov1.ConfigStatus_RESULT_FAILED {
		text += fmt.Sprintf(" (v%d refused)", c.GetConfigStatus().GetVersion())
	}
	return text
}

func sum(counts map[string]uint64) uint64 {
	total := uint64(0)
	for _, n := range counts {
		total += n
	}
	return total
}

// StateCounts renders the number of collectors in each state.
func StateCounts(counts map[string]uint64) string {
	var parts []string
	for name, n := range counts {
		parts = append(parts, fmt.Sprintf("%s %s", render.Thousands(n), strings.ToLower(strings.TrimPrefix(name, "STATE_"))))
	}
	if len(parts) == 0 {
		return "none selected"
	}
	slices.Sort(parts)
	return strings.Join(parts, ", ")
}
