// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/tapio/tapio/cmd/tapioctl/internal/app"
	"github.com/tapio/tapio/cmd/tapioctl/internal/exitcode"
	"github.com/tapio/tapio/cmd/tapioctl/internal/render"
	"github.com/tapio/tapio/cmd/tapioctl/internal/selector"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

func newSilenceCommand(a *app.App) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "silence",
		Short: "Silence notifications of alerts for a time",
		RunE:  app.NeedSubcommand,
	}
	cmd.AddCommand(newSilenceAddCommand(a), newSilenceListCommand(a), newSilenceExpireCommand(a))
	return cmd
}

// silenceFlags are those of silence add.
type silenceFlags struct {
	duration, start, until string
	comment, by            string
	format                 selector.Choice
}

func newSilenceAddCommand(a *app.App) *cobra.Command {
	f := &silenceFlags{format: selector.NewChoice("text", "text", "json", "yaml")}
	cmd := &cobra.Command{
		Use:   "add MATCHER...",
		Short: "Silence the alerts that all matchers hold for",
		Long: `Silence the alerts that all matchers hold for. A matcher is a label of the alert or an
entity that causes it, an operator (=, !=, =~, !~) and a value: service=checkout,
pod=~"cart-.*", severity!=critical, incident=g-1f, alertname=HighLatency.`,
		Example: `  tapioctl silence add service=payments-db --for 2h --comment "migration"
  tapioctl silence add 'node=~"node-[12]"' severity=warning --start 2026-11-30T22:00:00Z --for 1h`,
		RunE: a.Connected(func(ctx context.Context, c app.Clients, args []string) error { return addSilence(ctx, a, c, f, args) }),
	}
	flags := cmd.Flags()
	flags.StringVar(&f.duration, "for", "", "how long the silence lasts, for example 2h or 1d (default 1h)")
	flags.StringVar(&f.start, "start", "", "when it begins, as a time (default now)")
	flags.StringVar(&f.until, "until", "", "when it ends, as a time, instead of --for")
	flags.StringVar(&f.comment, "comment", "", "why")
	flags.StringVar(&f.by, "by", "", "who creates it (default what the server knows of you)")
	selector.AddChoice(cmd, flags, &f.format, "output", "o", "output format")
	return cmd
}

func addSilence(ctx context.Context, a *app.App, c app.Clients, f *silenceFlags, args []string) error {
	req, err := f.request(a, args)
	if err != nil {
		return err
	}
	resp, err := app.Call(ctx, a, c.Operations.CreateSilence, req)
	if err != nil {
		return err
	}
	if f.format.Value != "text" {
		a.Out.PrintDocument(f.format.Value, render.AppendJSON(nil, resp.GetSilence()))
		return nil
	}
	a.Out.WriteForeign(resp.GetSilence().GetId() + "\n")
	a.Out.Note("silenced %s until %s", matchersText(resp.GetSilence().GetMatchers()), momentText(a.Out, resp.GetSilence().GetEndTime()))
	return nil
}

func (f *silenceFlags) request(a *app.App, args []string) (*tapiov1.CreateSilenceRequest, error) {
	req := &tapiov1.CreateSilenceRequest{Comment: f.comment, CreatedBy: f.by}
	if len(args) == 0 {
		return nil, exitcode.UsageErrorf("missing argument: a matcher such as service=checkout")
	}
	for _, text := range args {
		m, err := parseMatcher(text)
		if err != nil {
			return nil, err
		}
		req.Matchers = append(req.Matchers, m)
	}
	begin := a.Out.Now()
	if f.start != "" {
		start, err := selector.ParseMoment(&a.Out.Clock, "--start", f.start)
		if err != nil {
			return nil, err
		}
		req.StartTime, begin = start, start.AsTime()
	}
	if f.until != "" {
		if f.duration != "" {
			return nil, exitcode.UsageErrorf("--for and --until: give one of them")
		}
		until, err := selector.ParseMoment(&a.Out.Clock, "--until", f.until)
		req.EndTime = until
		return req, err
	}
	lasts := time.Hour
	if f.duration != "" {
		var err error
		if lasts, err = selector.ParseAge(f.duration); err != nil {
			return nil, exitcode.UsageErrorf("--for: %v: write for example 2h or 1d", err)
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
	return nil, exitcode.UsageErrorf("invalid matcher %q: write for example service=checkout or pod=~\"cart-.*\"", text)
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

func newSilenceListCommand(a *app.App) *cobra.Command {
	format := selector.NewChoice("table", "table", "json", "yaml")
	active := false
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List silences, the newest first, with those that ended within a day",
		Args:  cobra.NoArgs,
		RunE: a.Connected(func(ctx context.Context, c app.Clients, _ []string) error {
			resp, err := app.Call(ctx, a, c.Operations.ListSilences, &tapiov1.ListSilencesRequest{ActiveOnly: active})
			if err != nil {
				return err
			}
			a.Out.NoteIfNone(len(resp.GetSilences()), "silences")
			printSilences(a.Out, resp.GetSilences(), format.Value)
			return nil
		}),
	}
	cmd.Flags().BoolVar(&active, "active", false, "leave out those that have ended")
	selector.AddChoice(cmd, cmd.Flags(), &format, "output", "o", "output format")
	return cmd
}

func printSilences(o *render.Output, all []*tapiov1.Silence, format string) {
	var rows [][]render.Cell
	for _, s := range all {
		if format != "table" {
			o.PrintDocument(format, render.AppendJSON(nil, s))
			continue
		}
		state := render.Cell{Text: strings.ToLower(strings.TrimPrefix(s.GetState().String(), "STATE_")), Paint: render.Plain}
		if s.GetState() == tapiov1.Silence_STATE_ACTIVE {
			state.Paint = render.Green
		}
		rows = append(rows, []render.Cell{
			{Text: s.GetId(), Paint: render.Plain},
			state,
			{Text: matchersText(s.GetMatchers()), Paint: render.Plain},
			{Text: momentText(o, s.GetStartTime()), Paint: render.Plain},
			{Text: momentText(o, s.GetEndTime()), Paint: render.Plain},
			{Text: s.GetCreatedBy(), Paint: render.Plain},
			{Text: s.GetComment(), Paint: render.Plain},
		})
	}
	if len(rows) > 0 {
		o.PrintTable([]string{"ID", "STATE", "MATCHERS", "START", "END", "BY", "COMMENT"}, rows)
	}
}

// momentText is a time in --time-zone, to the second.
func momentText(o *render.Output, t *timestamppb.Timestamp) string {
	if t == nil {
		return "-"
	}
	return t.AsTime().In(o.Zone).Format("2006-01-02T15:04:05Z07:00")
}

func newSilenceExpireCommand(a *app.App) *cobra.Command {
	return &cobra.Command{
		Use:     "expire ID",
		Short:   "End a silence now",
		Example: "  tapioctl silence expire 4k2v7c3q1x0a",
		Args:    app.OneArgument("ID"),
		RunE: a.Connected(func(ctx context.Context, c app.Clients, args []string) error {
			resp, err := app.Call(ctx, a, c.Operations.ExpireSilence, &tapiov1.ExpireSilenceRequest{Id: args[0]})
			if err != nil {
				return err
			}
			a.Out.Note("silence %s ended at %s", resp.GetSilence().GetId(), momentText(a.Out, resp.GetSilence().GetEndTime()))
			return nil
		}),
	}
}
