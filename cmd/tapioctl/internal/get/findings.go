// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package get

import (
	"context"
	"strings"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/tapio/tapio/cmd/tapioctl/internal/app"
	"github.com/tapio/tapio/cmd/tapioctl/internal/exitcode"
	"github.com/tapio/tapio/cmd/tapioctl/internal/render"
	"github.com/tapio/tapio/cmd/tapioctl/internal/selector"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

const defaultFindings = 20

// findingFlags are those of every kind of finding.
type findingFlags struct {
	what string // they are, in the plural
	selector.FilterFlags
	selector.PageFlags
	group      string
	confidence float64
	format     selector.Choice
}

func newFindingFlags() *findingFlags {
	return &findingFlags{format: selector.NewChoice("table", "table", "json", "yaml")}
}

func (f *findingFlags) addTo(cmd *cobra.Command, what string) {
	f.what = what
	f.FilterFlags.Add(cmd)
	f.PageFlags.Add(cmd, defaultFindings, what)
	cmd.Flags().Float64Var(&f.confidence, "min-confidence", 0, "only with at least this confidence, 0 to 1")
	selector.AddChoice(cmd, cmd.Flags(), &f.format, "output", "o", "output format")
}

func (f *findingFlags) query(c *render.Clock) (*tapiov1.Filter, error) {
	filter, err := f.Filter()
	if err != nil {
		return nil, err
	}
	return filter, f.Apply(c, filter, render.FindingsPerPage)
}

// printFindings prints page after page of one kind of finding.
func printFindings[F proto.Message](
	o *render.Output, f *findingFlags, filter *tapiov1.Filter, heading []string, row func(*render.Output, F) []render.Cell,
	fetch func() (page []F, next string, err error),
) error {
	var rows [][]render.Cell
	count := 0
	err := app.EachPage(filter, f.Limit, func(wanted int) (int, string, error) {
		page, next, err := fetch()
		if err != nil {
			return 0, "", err
		}
		page = render.FirstOf(wanted, page)
		count += len(page)
		for _, finding := range page {
			if f.format.Value == "table" {
				rows = append(rows, row(o, finding))
			} else {
				o.PrintMessage(f.format.Value, finding)
			}
		}
		return len(page), next, nil
	})
	if len(rows) > 0 { // what came before an error is still true
		o.PrintTable(heading, rows)
	}
	if err == nil {
		o.NoteIfNone(count, f.what)
	}
	return err
}

func newGetCorrelationsCommand(a *app.App) *cobra.Command {
	f, request := newFindingFlags(), &tapiov1.GetCorrelationsRequest{}
	var types []string
	cmd := &cobra.Command{
		Use:   "correlations",
		Short: "Print which records are related, and why, the newest first",
		Example: `  tapioctl get correlations --since 1h --type causal
  tapioctl get correlations --event 5f2c-1a`,
		Args: cobra.NoArgs,
		RunE: a.Connected(func(ctx context.Context, c app.Clients, _ []string) (err error) {
			request.MinConfidence, request.GroupId = f.confidence, f.group
			if request.Types, err = enumWords[tapiov1.Correlation_Type]("type", "TYPE_", types); err != nil {
				return err
			}
			if request.Filter, err = f.query(&a.Out.Clock); err != nil {
				return err
			}
			heading := []string{"TIME", "ID", "TYPE", "CONFIDENCE", "GROUP", "RULE", "EXPLANATION"}
			return printFindings(a.Out, f, request.GetFilter(), heading, render.CorrelationRow, func() ([]*tapiov1.Correlation, string, error) {
				response, err := app.Call(ctx, a, c.Tapio.GetCorrelations, request)
				return response.GetCorrelations(), response.GetNextPageToken(), err
			})
		}),
	}
	f.addTo(cmd, "correlations")
	cmd.Flags().StringVar(&f.group, "group", "", "only those of this group")
	cmd.Flags().StringVar(&request.EventId, "event", "", "only those that include the record with this id")
	cmd.Flags().StringSliceVar(&types, "type", nil,
		"only these types: temporal, causal, spatial, semantic, statistical, trace-context")
	return cmd
}

func newGetGroupsCommand(a *app.App) *cobra.Command {
	f, request := newFindingFlags(), &tapiov1.GetSemanticGroupsRequest{}
	var types, states, kinds []string
	watch := false
	cmd := &cobra.Command{
		Use:     "groups",
		Aliases: []string{"incidents"},
		Short:   "Print incidents with their most probable cause, the newest first",
		Example: "  tapioctl get groups --since 1h --state open,growing",
		Args:    cobra.NoArgs,
		RunE: a.Connected(func(ctx context.Context, c app.Clients, _ []string) (err error) {
			request.MinConfidence = f.confidence
			if request.Types, err = enumWords[tapiov1.SemanticGroup_Type]("type", "TYPE_", types); err != nil {
				return err
			}
			if request.States, err = enumWords[tapiov1.SemanticGroup_State]("state", "STATE_", states); err != nil {
				return err
			}
			if request.Kinds, err = enumWords[tapiov1.SemanticGroup_Kind]("kind", "KIND_", kinds); err != nil {
				return err
			}
			if request.Filter, err = f.query(&a.Out.Clock); err != nil {
				return err
			}
			if len(kinds) > 0 {
				f.what = "groups"
			}
			if watch {
				return watchGroups(ctx, a, c, f, request)
			}
			return printFindings(a.Out, f, request.GetFilter(), render.GroupHeading(), render.GroupRow, func() ([]*tapiov1.SemanticGroup, string, error) {
				response, err := app.Call(ctx, a, c.Tapio.GetSemanticGroups, request)
				return response.GetGroups(), response.GetNextPageToken(), err
			})
		}),
	}
	f.addTo(cmd, "incidents")
	cmd.Flags().BoolVarP(&watch, "watch", "w", false, "then wait for new incidents and changes, to which the conditions do not apply")
	cmd.Flags().StringSliceVar(&request.GroupIds, "id", nil, "only these groups")
	cmd.Flags().StringSliceVar(&states, "state", nil,
		"only in these states: open, growing, recovering, resolved, unknown, reopened, closed, merged")
	cmd.Flags().StringSliceVar(&kinds, "kind", nil, "only these kinds: incident, observation, change")
	cmd.Flags().StringSliceVar(&types, "type", nil,
		"only these types: deployment, failure-cascade, resource-exhaustion, network, dependency, security")
	return cmd
}

func newGetInsightsCommand(a *app.App) *cobra.Command {
	f, request := newFindingFlags(), &tapiov1.GetInsightsRequest{}
	f.format = selector.NewChoice("text", "text", "table", "json", "yaml")
	audience := selector.NewChoice("", "developer", "sre", "manager")
	cmd := &cobra.Command{
		Use:     "insights",
		Short:   "Print what happened and what to do, one text for each incident, the newest first",
		Example: "  tapioctl get insights --since 1h --audience sre",
		Args:    cobra.NoArgs,
		RunE: a.Connected(func(ctx context.Context, c app.Clients, _ []string) (err error) {
			request.MinConfidence, request.GroupId = f.confidence, f.group
			if audience.Value != "" {
				request.Audience = tapiov1.Insight_Audience(tapiov1.Insight_Audience_value["AUDIENCE_"+strings.ToUpper(audience.Value)])
			}
			if request.Filter, err = f.query(&a.Out.Clock); err != nil {
				return err
			}
			fetch := func() ([]*tapiov1.Insight, string, error) {
				response, err := app.Call(ctx, a, c.Tapio.GetInsights, request)
				return response.GetInsights(), response.GetNextPageToken(), err
			}
			if f.format.Value == "text" {
				return printInsightTexts(a, f, request.GetFilter(), fetch)
			}
			heading := []string{"TIME", "ID", "GROUP", "SEVERITY", "FOR", "TITLE"}
			return printFindings(a.Out, f, request.GetFilter(), heading, render.InsightRow, fetch)
		}),
	}
	f.addTo(cmd, "insights")
	cmd.Flags().StringVar(&f.group, "group", "", "only those of this group")
	selector.AddChoice(cmd, cmd.Flags(), &audience, "audience", "", "only for these readers")
	return cmd
}

// enumWords reads the values of a flag as a person writes them: without the
// prefix, in either case, with hyphens.
func enumWords[E interface {
	protoreflect.Enum
	~int32
}](flag, prefix string, words []string) ([]E, error) {
	var none E
	values := none.Descriptor().Values()
	list := make([]E, len(words))
	for i, word := range words {
		name := prefix + strings.ToUpper(strings.ReplaceAll(word, "-", "_"))
		value := values.ByName(protoreflect.Name(name))
		if value == nil || value.Number() == 0 {
			return nil, exitcode.UsageErrorf("--%s %q: use one of %s", flag, word, strings.Join(enumTexts(values, prefix), ", "))
		}
		list[i] = E(value.Number())
	}
	return list, nil
}

// enumTexts are all values as a person writes them, but the unspecified one.
func enumTexts(values protoreflect.EnumValueDescriptors, prefix string) []string {
	var texts []string
	for i := range values.Len() {
		if value := values.Get(i); value.Number() != 0 {
			texts = append(texts, strings.ToLower(strings.ReplaceAll(strings.TrimPrefix(string(value.Name()), prefix), "_", "-")))
		}
	}
	return texts
}
