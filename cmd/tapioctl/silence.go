// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/types/known/timestamppb"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

func newSilenceCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "silence",
		Short: "Keep notifications of alerts from being sent for a time",
		RunE:  needSubcommand,
	}
	cmd.AddCommand(newSilenceAddCommand(a), newSilenceListCommand(a), newSilenceExpireCommand(a))
	return cmd
}

// silenceFlags are those of silence add.
type silenceFlags struct {
	duration, start, until string
	comment, by            string
	format                 choice
}

func newSilenceAddCommand(a *app) *cobra.Command {
	f := &silenceFlags{format: newChoice("text", "text", "json", "yaml")}
	cmd := &cobra.Command{
		Use:   "add MATCHER...",
		Short: "Silence the alerts that all matchers hold for",
		Long: `Silence the alerts that all matchers hold for. A matcher is a label of the alert or an
entity that causes it, an operator (=, !=, =~, !~) and a value: service=checkout,
pod=~"cart-.*", severity!=critical, incident=g-1f, alertname=HighLatency.`,
		Example: `  tapioctl silence add service=payments-db --for 2h --comment "migration"
  tapioctl silence add 'node=~"node-[12]"' severity=warning --start 2026-11-30T22:00:00Z --for 1h`,
		RunE: a.connected(func(ctx context.Context, c clients, args []string) error { return a.addSilence(ctx, c, f, args) }),
	}
	flags := cmd.Flags()
	flags.StringVar(&f.duration, "for", "", "how long the silence lasts, for example 2h or 1d (default 1h)")
	flags.StringVar(&f.start, "start", "", "when it begins, as a time (default now)")
	flags.StringVar(&f.until, "until", "", "when it ends, as a time, instead of --for")
	flags.StringVar(&f.comment, "comment", "", "why")
	flags.StringVar(&f.by, "by", "", "who creates it (default what the server knows of you)")
	addChoice(cmd, flags, &f.format, "output", "o", "output format")
	return cmd
}

func (a *app) addSilence(ctx context.Context, c clients, f *silenceFlags, args []string) error {
	req, err := f.request(a, args)
	if err != nil {
		return err
	}
	resp, err := call(ctx, a, c.operations.CreateSilence, req)
	if err != nil {
		return err
	}
	if f.format.value != "text" {
		a.printDocument(f.format.value, appendJSON(nil, resp.GetSilence()))
		return nil
	}
	a.writeForeign(resp.GetSilence().GetId() + "\n")
	a.note("silenced %s until %s", matchersText(resp.GetSilence().GetMatchers()), a.moment(resp.GetSilence().GetEndTime()))
	return nil
}

func (f *silenceFlags) request(a *app, args []string) (*tapiov1.CreateSilenceRequest, error) {
	req := &tapiov1.CreateSilenceRequest{Comment: f.comment, CreatedBy: f.by}
	if len(args) == 0 {
		return nil, usageErrorf("missing argument: a matcher such as service=checkout")
	}
	for _, text := range args {
		m, err := parseMatcher(text)
		if err != nil {
			return nil, err
		}
		req.Matchers = append(req.Matchers, m)
	}
	begin := a.now()
	if f.start != "" {
		start, err := a.parseMoment("--start", f.start)
		if err != nil {
			return nil, err
		}
		req.StartTime, begin = start, start.AsTime()
	}
	if f.until != "" {
		if f.duration != "" {
			return nil, usageErrorf("--for and --until: give one of them")
		}
		until, err := a.parseMoment("--until", f.until)
		req.EndTime = until
		return req, err
	}
	lasts := time.Hour
	if f.duration != "" {
		var err error
		if lasts, err = parseAge(f.duration); err != nil {
			return nil, usageErrorf("--for: %v: write for example 2h or 1d", err)
		}
	}
	req.EndTime = timestamppb.New(begin.Add(lasts))
	return req, nil
}

// matcherOperators are the operators by their text, the longer ones first.
func matcherOperators() []struct {
	text     string
	operator tapiov1.AlertMatcher_Operator
} {
	return []struct {
		text     string
		operator tapiov1.AlertMatcher_Operator
	}{
		{"=~", tapiov1.AlertMatcher_OPERATOR_MATCHES},
		{"!~", tapiov1.AlertMatcher_OPERATOR_NOT_MATCHING},
		{"!=", tapiov1.AlertMatcher_OPERATOR_NOT_EQUAL},
		{"=", tapiov1.AlertMatcher_OPERATOR_EQUAL},
	}
}

// parseMatcher reads name, operator and value; the value may be in double quotes.
func parseMatcher(text string) (*tapiov1.AlertMatcher, error) {
	at := strings.IndexAny(text, "=!")
	if at > 0 {
		for _, o := range matcherOperators() {
			value, found := strings.CutPrefix(text[at:], o.text)
			if !found {
				continue
			}
			value = strings.TrimSpace(value)
			if n := len(value); n > 1 && value[0] == '"' && value[n-1] == '"' {
				value = value[1 : n-1]
			}
			return &tapiov1.AlertMatcher{Name: strings.TrimSpace(text[:at]), Operator: o.operator, Value: value}, nil
		}
	}
	return nil, usageErrorf("invalid matcher %q: write for example service=checkout or pod=~\"cart-.*\"", text)
}

func matchersText(matchers []*tapiov1.AlertMatcher) string {
	var parts []string
	for _, m := range matchers {
		sign := "="
		for _, o := range matcherOperators() {
			if o.operator == m.GetOperator() {
				sign = o.text
			}
		}
		parts = append(parts, m.GetName()+sign+`"`+m.GetValue()+`"`)
	}
	return strings.Join(parts, ",")
}

func newSilenceListCommand(a *app) *cobra.Command {
	format := newChoice("table", "table", "json", "yaml")
	active := false
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List silences, the newest first, with those that ended within a day",
		Args:  cobra.NoArgs,
		RunE: a.connected(func(ctx context.Context, c clients, _ []string) error {
			resp, err := call(ctx, a, c.operations.ListSilences, &tapiov1.ListSilencesRequest{ActiveOnly: active})
			if err != nil {
				return err
			}
			a.noteIfNone(len(resp.GetSilences()), "silences")
			a.printSilences(resp.GetSilences(), format.value)
			return nil
		}),
	}
	cmd.Flags().BoolVar(&active, "active", false, "leave out those that have ended")
	addChoice(cmd, cmd.Flags(), &format, "output", "o", "output format")
	return cmd
}

func (a *app) printSilences(all []*tapiov1.Silence, format string) {
	var rows [][]cell
	for _, s := range all {
		if format != "table" {
			a.printDocument(format, appendJSON(nil, s))
			continue
		}
		state := cell{strings.ToLower(strings.TrimPrefix(s.GetState().String(), "STATE_")), plain}
		if s.GetState() == tapiov1.Silence_STATE_ACTIVE {
			state.paint = green
		}
		rows = append(rows, []cell{
			{s.GetId(), plain},
			state,
			{matchersText(s.GetMatchers()), plain},
			{a.moment(s.GetStartTime()), plain},
			{a.moment(s.GetEndTime()), plain},
			{s.GetCreatedBy(), plain},
			{s.GetComment(), plain},
		})
	}
	if len(rows) > 0 {
		a.printTable([]string{"ID", "STATE", "MATCHERS", "START", "END", "BY", "COMMENT"}, rows)
	}
}

// moment is a time in --time-zone, to the second.
func (a *app) moment(t *timestamppb.Timestamp) string {
	if t == nil {
		return "-"
	}
	return t.AsTime().In(a.zone).Format("2006-01-02T15:04:05Z07:00")
}

func newSilenceExpireCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "expire ID",
		Short:   "End a silence now",
		Example: "  tapioctl silence expire 4k2v7c3q1x0a",
		Args:    oneArgument("ID"),
		RunE: a.connected(func(ctx context.Context, c clients, args []string) error {
			resp, err := call(ctx, a, c.operations.ExpireSilence, &tapiov1.ExpireSilenceRequest{Id: args[0]})
			if err != nil {
				return err
			}
			a.note("silence %s ended at %s", resp.GetSilence().GetId(), a.moment(resp.GetSilence().GetEndTime()))
			return nil
		}),
	}
}
