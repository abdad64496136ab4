// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

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
	format    choice
}

func newGetCollectorsCommand(a *app) *cobra.Command {
	f := &collectorFlags{format: newChoice("table", "table", "json", "yaml")}
	cmd := &cobra.Command{
		Use:   "collectors",
		Short: "List the collectors that are registered, with their state",
		Example: `  tapioctl get collectors
  tapioctl get collectors --state degraded,lost --sort 'last_seen_at desc'
  tapioctl get collectors -l 'node=worker-3,protocol=opamp' -o json`,
		Args: cobra.NoArgs,
		RunE: a.connected(func(ctx context.Context, c clients, _ []string) error { return a.getCollectors(ctx, c, f) }),
	}
	flags := cmd.Flags()
	flags.StringArrayVarP(&f.selectors, "selector", "l", nil,
		"label selectors on attributes and on collector_id, collector_type, version, node and protocol; repeatable")
	flags.StringVar(&f.text, "text", "", "only collectors whose id or attributes contain this text, in either case")
	flags.StringSliceVar(&f.states, "state", nil, "only these states: healthy, degraded, lost")
	flags.StringVar(&f.sortBy, "sort", "", "collector_id (the default), node or last_seen_at, with ' desc' behind it for the reverse")
	flags.Uint32Var(&f.limit, "limit", collectorsPage, "most collectors to print")
	addChoice(cmd, flags, &f.format, "output", "o", "output format")
	return cmd
}

func (f *collectorFlags) request() (*tapiov1.ListCollectorsRequest, error) {
	if f.limit == 0 {
		return nil, usageErrorf("--limit must be 1 or more")
	}
	req := &tapiov1.ListCollectorsRequest{
		OrderBy: f.sortBy,
		Filter:  &tapiov1.Filter{Text: f.text, Limit: min(f.limit, collectorsPage)},
	}
	for _, text := range f.selectors {
		selectors, err := parseSelectors(text)
		if err != nil {
			return nil, err
		}
		req.Filter.LabelSelectors = append(req.Filter.LabelSelectors, selectors...)
	}
	for _, word := range f.states {
		state, known := tapiov1.Collector_State_value["STATE_"+strings.ToUpper(word)]
		if !known || state == 0 {
			return nil, usageErrorf("--state %q: use healthy, degraded or lost", word)
		}
		req.States = append(req.States, tapiov1.Collector_State(state))
	}
	return req, nil
}

func (a *app) getCollectors(ctx context.Context, c clients, f *collectorFlags) error {
	req, err := f.request()
	if err != nil {
		return err
	}
	var all []*tapiov1.Collector
	var counts map[string]uint64
	err = eachPage(req.Filter, f.limit, func(wanted int) (int, string, error) {
		page, err := call(ctx, a, c.collectors.ListCollectors, req)
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
	a.noteIfNone(len(all), "collectors")
	if f.format.value != "table" {
		for _, one := range all {
			a.printDocument(f.format.value, appendJSON(nil, one))
		}
		return nil
	}
	if len(all) == 0 {
		return nil
	}
	a.printCollectors(all)
	a.note("%s: %s", plural(sum(counts), "collector"), stateCounts(counts))
	return nil
}

func (a *app) printCollectors(all []*tapiov1.Collector) {
	var rows [][]cell
	for _, c := range all {
		state := stateCell(c.GetState())
		rows = append(rows, []cell{
			{c.GetCollectorId(), plain},
			state,
			{orDash(c.GetCollectorType()), plain},
			{orDash(c.GetVersion()), plain},
			{orDash(c.GetNode()), plain},
			{c.GetProtocol(), plain},
			{configText(c), plain},
			{shortDuration(a.now().Sub(c.GetLastSeenAt().AsTime())) + " ago", plain},
			{c.GetStatus().GetMessage(), plain},
		})
	}
	a.printTable([]string{"COLLECTOR", "STATE", "TYPE", "VERSION", "NODE", "PROTOCOL", "CONFIG", "SEEN", "MESSAGE"}, rows)
}

func stateCell(state tapiov1.Collector_State) cell {
	word := strings.ToLower(strings.TrimPrefix(state.String(), "STATE_"))
	switch state {
	case tapiov1.Collector_STATE_HEALTHY:
		return cell{word, green}
	case tapiov1.Collector_STATE_DEGRADED:
		return cell{word, yellow}
	default:
		return cell{word, red}
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

func stateCounts(counts map[string]uint64) string {
	var parts []string
	for name, n := range counts {
		parts = append(parts, fmt.Sprintf("%s %s", thousands(n), strings.ToLower(strings.TrimPrefix(name, "STATE_"))))
	}
	if len(parts) == 0 {
		return "none selected"
	}
	slices.Sort(parts)
	return strings.Join(parts, ", ")
}
