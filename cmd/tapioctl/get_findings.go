// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

const (
	defaultFindings = 20
	findingsPerPage = 100
)

// findingFlags are those of every kind of finding.
type findingFlags struct {
	what string // they are, in the plural
	filterFlags
	pageFlags
	group      string
	confidence float64
	format     choice
}

func newFindingFlags() *findingFlags {
	return &findingFlags{format: newChoice("table", "table", "json", "yaml")}
}

func (f *findingFlags) addTo(cmd *cobra.Command, what string) {
	f.what = what
	f.filterFlags.add(cmd)
	f.pageFlags.add(cmd, defaultFindings, what)
	cmd.Flags().Float64Var(&f.confidence, "min-confidence", 0, "only with at least this confidence, 0 to 1")
	addChoice(cmd, cmd.Flags(), &f.format, "output", "o", "output format")
}

func (f *findingFlags) query(a *app) (*tapiov1.Filter, error) {
	filter, err := f.filter()
	if err != nil {
		return nil, err
	}
	return filter, f.apply(a, filter, findingsPerPage)
}

// printFindings prints page after page of one kind of finding.
func printFindings[F proto.Message](
	a *app, f *findingFlags, filter *tapiov1.Filter, heading []string, row func(F) []cell,
	fetch func() (page []F, next string, err error),
) error {
	var rows [][]cell
	count := 0
	err := eachPage(filter, f.limit, func(wanted int) (int, string, error) {
		page, next, err := fetch()
		if err != nil {
			return 0, "", err
		}
		page = firstOf(wanted, page)
		count += len(page)
		for _, finding := range page {
			if f.format.value == "table" {
				rows = append(rows, row(finding))
			} else {
				a.printMessage(f.format.value, finding)
			}
		}
		return len(page), next, nil
	})
	if len(rows) > 0 { // what came before an error is still true
		a.printTable(heading, rows)
	}
	if err == nil {
		a.noteIfNone(count, f.what)
	}
	return err
}

func newGetCorrelationsCommand(a *app) *cobra.Command {
	f, request := newFindingFlags(), &tapiov1.GetCorrelationsRequest{}
	var types []string
	cmd := &cobra.Command{
		Use:   "correlations",
		Short: "Print which records are related, and why, the newest first",
		Example: `  tapioctl get correlations --since 1h --type causal
  tapioctl get correlations --event 5f2c-1a`,
		Args: cobra.NoArgs,
		RunE: a.connected(func(ctx context.Context, c clients, _ []string) (err error) {
			request.MinConfidence, request.GroupId = f.confidence, f.group
			if request.Types, err = enumWords[tapiov1.Correlation_Type]("type", "TYPE_", types); err != nil {
				return err
			}
			if request.Filter, err = f.query(a); err != nil {
				return err
			}
			heading := []string{"TIME", "ID", "TYPE", "CONFIDENCE", "GROUP", "RULE", "EXPLANATION"}
			return printFindings(a, f, request.GetFilter(), heading, a.correlationRow, func() ([]*tapiov1.Correlation, string, error) {
				response, err := call(ctx, a, c.tapio.GetCorrelations, request)
				return response.GetCorrelations(), response.GetNextPageToken(), err
			})
		}),
	}
	f.addTo(cmd, "correlations")
	cmd.Flags().StringVar(&f.group, "group", "", "only those of this group")
	cmd.Flags().StringVar(&request.EventId, "event", "", "only those that join this record, by its id")
	cmd.Flags().StringSliceVar(&types, "type", nil,
		"only these types: temporal, causal, spatial, semantic, statistical, trace-context")
	return cmd
}

func newGetGroupsCommand(a *app) *cobra.Command {
	f, request := newFindingFlags(), &tapiov1.GetSemanticGroupsRequest{}
	var types, states, kinds []string
	watch := false
	cmd := &cobra.Command{
		Use:     "groups",
		Aliases: []string{"incidents"},
		Short:   "Print incidents with their most probable cause, the newest first",
		Example: "  tapioctl get groups --since 1h --state open,growing",
		Args:    cobra.NoArgs,
		RunE: a.connected(func(ctx context.Context, c clients, _ []string) (err error) {
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
			if request.Filter, err = f.query(a); err != nil {
				return err
			}
			if watch {
				return a.watchGroups(ctx, c, f, request)
			}
			return printFindings(a, f, request.GetFilter(), groupHeading(), a.groupRow, func() ([]*tapiov1.SemanticGroup, string, error) {
				response, err := call(ctx, a, c.tapio.GetSemanticGroups, request)
				return response.GetGroups(), response.GetNextPageToken(), err
			})
		}),
	}
	f.addTo(cmd, "groups")
	cmd.Flags().BoolVarP(&watch, "watch", "w", false, "after that, wait for new incidents and changes; without the conditions")
	cmd.Flags().StringSliceVar(&request.GroupIds, "id", nil, "only these groups")
	cmd.Flags().StringSliceVar(&states, "state", nil,
		"only in these states: open, growing, recovering, resolved, unknown, reopened, closed, merged")
	cmd.Flags().StringSliceVar(&kinds, "kind", nil, "only these kinds: incident, observation, change")
	cmd.Flags().StringSliceVar(&types, "type", nil,
		"only these types: deployment, failure-cascade, resource-exhaustion, network, dependency, security")
	return cmd
}

func newGetInsightsCommand(a *app) *cobra.Command {
	f, request := newFindingFlags(), &tapiov1.GetInsightsRequest{}
	f.format = newChoice("text", "text", "table", "json", "yaml")
	audience := newChoice("", "developer", "sre", "manager")
	cmd := &cobra.Command{
		Use:     "insights",
		Short:   "Print what happened and what to do, one text for each incident, the newest first",
		Example: "  tapioctl get insights --since 1h --audience sre",
		Args:    cobra.NoArgs,
		RunE: a.connected(func(ctx context.Context, c clients, _ []string) (err error) {
			request.MinConfidence, request.GroupId = f.confidence, f.group
			if audience.value != "" {
				request.Audience = tapiov1.Insight_Audience(tapiov1.Insight_Audience_value["AUDIENCE_"+strings.ToUpper(audience.value)])
			}
			if request.Filter, err = f.query(a); err != nil {
				return err
			}
			fetch := func() ([]*tapiov1.Insight, string, error) {
				response, err := call(ctx, a, c.tapio.GetInsights, request)
				return response.GetInsights(), response.GetNextPageToken(), err
			}
			if f.format.value == "text" {
				return a.printInsightTexts(f, request.GetFilter(), fetch)
			}
			heading := []string{"TIME", "ID", "GROUP", "SEVERITY", "FOR", "TITLE"}
			return printFindings(a, f, request.GetFilter(), heading, a.insightRow, fetch)
		}),
	}
	f.addTo(cmd, "insights")
	cmd.Flags().StringVar(&f.group, "group", "", "only those of this group")
	addChoice(cmd, cmd.Flags(), &audience, "audience", "", "only for these readers")
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
			return nil, usageErrorf("--%s %q: use one of %s", flag, word, strings.Join(enumTexts(values, prefix), ", "))
		}
		list[i] = E(value.Number())
	}
	return list, nil
}

// enumTexts are all values as a person writes them, but the one that says nothing.
func enumTexts(values protoreflect.EnumValueDescriptors, prefix string) []string {
	var texts []string
	for i := range values.Len() {
		if value := values.Get(i); value.Number() != 0 {
			texts = append(texts, strings.ToLower(strings.ReplaceAll(strings.TrimPrefix(string(value.Name()), prefix), "_", "-")))
		}
	}
	return texts
}

// word says an enum's value as a person writes it.
func word(value fmt.Stringer, prefix string) string {
	text := strings.ToLower(strings.TrimPrefix(value.String(), prefix))
	return orDash(strings.TrimSuffix(strings.ReplaceAll(text, "_", "-"), "unspecified"))
}

func percent(share float64) string { return strconv.FormatFloat(100*share, 'f', 0, 64) + "%" }

func (a *app) correlationRow(c *tapiov1.Correlation) []cell {
	return []cell{
		{a.stamp(c.GetTimeRange().GetEnd()), dim},
		{c.GetId(), plain},
		{word(c.GetType(), "TYPE_"), cyan},
		{percent(c.GetConfidence()), plain},
		{orDash(c.GetGroupId()), plain},
		{orDash(c.GetRule()), dim},
		{c.GetExplanation(), plain},
	}
}

func (a *app) groupRow(g *tapiov1.SemanticGroup) []cell {
	return []cell{
		{a.stamp(g.GetTimeRange().GetStart()), dim},
		{g.GetId(), plain},
		{word(g.GetKind(), "KIND_"), plain},
		{word(g.GetState(), "STATE_"), plain},
		{word(g.GetType(), "TYPE_"), cyan},
		{word(g.GetImpact().GetLevel(), "LEVEL_"), levelPaint(g.GetImpact().GetLevel())},
		{causeText(g), bold},
		{strconv.Itoa(len(g.GetServices())), dim},
		{g.GetTitle(), plain},
	}
}

func levelPaint(level tapiov1.ImpactAssessment_Level) color {
	switch level {
	case tapiov1.ImpactAssessment_LEVEL_HIGH, tapiov1.ImpactAssessment_LEVEL_CRITICAL:
		return red
	case tapiov1.ImpactAssessment_LEVEL_MEDIUM:
		return yellow
	default:
		return plain
	}
}

func (a *app) insightRow(i *tapiov1.Insight) []cell {
	severity := cell{word(i.GetSeverity(), "SEVERITY_"), plain}
	if i.GetSeverity() >= tapiov1.Severity_SEVERITY_ERROR {
		severity.paint = red
	}
	return []cell{
		{a.stamp(i.GetTime()), dim},
		{i.GetId(), plain},
		{orDash(i.GetGroupId()), plain},
		severity,
		{word(i.GetAudience(), "AUDIENCE_"), dim},
		{i.GetTitle(), bold},
	}
}

// entityName says "payment", "pod payment-7", "process postgres".
func entityName(e *tapiov1.Entity) string {
	if e.GetKind() == tapiov1.Entity_KIND_SERVICE || e.GetKind() == tapiov1.Entity_KIND_UNSPECIFIED {
		return orDash(e.GetName())
	}
	return word(e.GetKind(), "KIND_") + " " + orDash(e.GetName())
}
