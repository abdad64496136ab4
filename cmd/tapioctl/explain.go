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

	"github.com/tapio/tapio/internal/semconv"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

func newExplainCommand(a *app) *cobra.Command {
	format := newChoice("tree", "tree", "json", "yaml")
	cmd := &cobra.Command{
		Use:   "explain [ID|latest]",
		Short: "Explain one incident: what happened, why, who is affected, what to do",
		Long: `Explain one incident: what happened, the candidates for the cause, how the fault
spread from the cause to the last effect with the evidence of each step, who is
affected, and what to do.

ID is the id of an incident or of an insight about it, or the beginning of one;
without it, or with "latest", the newest incident is explained. Times are in
UTC, as in the text.`,
		Example: "  tapioctl explain\n  tapioctl explain g-5f2c1a",
		Args:    cobra.MaximumNArgs(1),
		RunE: a.connected(func(ctx context.Context, c clients, args []string) error {
			a.zone = time.UTC
			group, insights, err := a.findIncident(ctx, c, append(args, latest)[0])
			if err != nil {
				return err
			}
			if format.value != "tree" {
				a.printMessage(format.value, group)
				return nil
			}
			a.explainIncident(group, insights)
			return nil
		}),
	}
	addChoice(cmd, cmd.Flags(), &format, "output", "o", "output format")
	return cmd
}

// latest stands for the newest incident.
const latest = "latest"

// findIncident looks for the incident of the id, for the one that an insight of
// the id is about, and for an id that begins like this.
func (a *app) findIncident(ctx context.Context, c clients, id string) (*tapiov1.SemanticGroup, []*tapiov1.Insight, error) {
	group, err := a.groupByID(ctx, c, id)
	if err == nil && group == nil {
		group, err = a.groupOfInsight(ctx, c, id)
	}
	if err == nil && group == nil {
		var full string
		if full, err = a.groupID(ctx, c, id); err == nil && full != "" {
			group, err = a.groupByID(ctx, c, full)
		}
	}
	if err != nil {
		return nil, nil, err
	}
	if group == nil && id == latest {
		return nil, nil, &exitError{exitRefused, "no incidents found"}
	}
	if group == nil {
		return nil, nil, &exitError{exitRefused, fmt.Sprintf(
			"no incident or insight %q found: it does not exist or was evicted; see tapioctl get groups", id)}
	}
	insights, err := call(ctx, a, c.tapio.GetInsights, &tapiov1.GetInsightsRequest{GroupId: group.GetId()})
	return group, insights.GetInsights(), err
}

func (a *app) groupByID(ctx context.Context, c clients, id string) (*tapiov1.SemanticGroup, error) {
	response, err := call(ctx, a, c.tapio.GetSemanticGroups, &tapiov1.GetSemanticGroupsRequest{GroupIds: []string{id}})
	if err != nil || len(response.GetGroups()) == 0 {
		return nil, err
	}
	return response.GetGroups()[0], nil
}

func (a *app) groupOfInsight(ctx context.Context, c clients, id string) (*tapiov1.SemanticGroup, error) {
	byID := []*tapiov1.Filter_LabelSelector{{Key: semconv.FindingID, Values: []string{id}}}
	response, err := call(ctx, a, c.tapio.GetInsights, &tapiov1.GetInsightsRequest{Filter: &tapiov1.Filter{LabelSelectors: byID, Limit: 1}})
	if err != nil || len(response.GetInsights()) == 0 {
		return nil, err
	}
	return a.groupByID(ctx, c, response.GetInsights()[0].GetGroupId())
}

func (a *app) explainIncident(g *tapiov1.SemanticGroup, insights []*tapiov1.Insight) {
	a.write(a.paint(bold, oneLine(g.GetTitle())) + "\n")
	what := word(g.GetKind(), "KIND_")
	if g.GetKind() == tapiov1.SemanticGroup_KIND_UNSPECIFIED {
		what = "incident"
	}
	fmt.Fprintf(a.out, "%s, %s, since %s %s; %s %s\n", word(g.GetType(), "TYPE_"), word(g.GetState(), "STATE_"),
		a.stamp(g.GetTimeRange().GetStart()), a.zone, what, oneLine(g.GetId()))
	if into := g.GetMergedInto(); into != "" {
		fmt.Fprintf(a.out, "merged into %s\n", oneLine(into))
	}
	if from := g.GetSplitFrom(); from != "" {
		fmt.Fprintf(a.out, "split from %s\n", oneLine(from))
	}
	a.explainText(insights)
	a.explainCauses(g.GetRootCause())
	a.explainChain(g.GetRootCause())
	a.explainImpact(g)
	a.explainPredictions(g.GetPredictions())
	a.explainActions(actionsOf(g, insights))
}

func (a *app) section(title string) { a.write("\n" + a.paint(bold, title) + "\n") }

// explainText prints the insight for whoever is on call, else the first.
func (a *app) explainText(insights []*tapiov1.Insight) {
	if len(insights) == 0 {
		return
	}
	i := max(0, slices.IndexFunc(insights, func(i *tapiov1.Insight) bool {
		return i.GetAudience() == tapiov1.Insight_AUDIENCE_SRE
	}))
	a.write("\n" + strings.TrimSpace(insights[i].GetText()) + "\n")
	figures := insights[i].GetKeyFigures()
	names := make([]string, 0, len(figures))
	for name := range figures {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		fmt.Fprintf(a.out, "  %s: %s\n", oneLine(name), oneLine(figures[name]))
	}
}

func (a *app) explainCauses(r *tapiov1.RootCauseAnalysis) {
	if len(r.GetCausalFactors()) == 0 {
		return
	}
	a.section("CAUSE")
	for _, factor := range r.GetCausalFactors() {
		fmt.Fprintf(a.out, "%d. %s %s  %s\n", factor.GetRank(), a.paint(cyan, oneLine(entityName(factor.GetEntity()))),
			percent(factor.GetProbability()), oneLine(factor.GetReason()))
		for _, place := range factor.GetWithin() {
			fmt.Fprintf(a.out, "   in %s\n", a.paint(cyan, oneLine(entityName(place))))
		}
		a.explainEvidence("   ", factor.GetEvidence())
	}
}

// maxEvidence is how many records are shown for one step.
const maxEvidence = 5

func (a *app) explainEvidence(indent string, list []*tapiov1.EvidenceRef) {
	for _, e := range firstOf(maxEvidence, list) {
		fmt.Fprintf(a.out, "%s%s %s %s  %s\n", indent, a.paint(dim, a.stamp(e.GetTime())), word(e.GetKind(), "KIND_"),
			oneLine(orDash(e.GetDescription())), a.paint(dim, oneLine(e.GetId())))
	}
	if more := len(list) - maxEvidence; more > 0 {
		fmt.Fprintf(a.out, "%sand %d more; -o json shows all\n", indent, more)
	}
}

// explainChain draws how the fault spread as a tree: an entity stands below the
// one that affected it.
func (a *app) explainChain(r *tapiov1.RootCauseAnalysis) {
	links := r.GetCausalChain()
	if len(links) == 0 {
		return
	}
	a.section("HOW IT SPREAD")
	drawn := map[string]bool{}
	for _, link := range links {
		root := entityName(link.GetCause())
		isEffect := slices.ContainsFunc(links, func(l *tapiov1.CausalLink) bool { return entityName(l.GetEffect()) == root })
		if !isEffect && !drawn[root] {
			a.write(a.paint(cyan, oneLine(root)) + "\n")
			a.drawEffects(links, root, "", drawn)
		}
	}
	for _, link := range links { // of a circle, no part is a root
		if root := entityName(link.GetCause()); !drawn[root] {
			a.write(a.paint(cyan, oneLine(root)) + "\n")
			a.drawEffects(links, root, "", drawn)
		}
	}
}

func (a *app) drawEffects(links []*tapiov1.CausalLink, cause, indent string, drawn map[string]bool) {
	drawn[cause] = true
	var own []*tapiov1.CausalLink
	for _, link := range links {
		if entityName(link.GetCause()) == cause {
			own = append(own, link)
		}
	}
	for i, link := range own {
		branch, below := "├─ ", "│  "
		if i == len(own)-1 {
			branch, below = "└─ ", "   "
		}
		effect := entityName(link.GetEffect())
		fmt.Fprintf(a.out, "%s%s%s  %s %s\n", indent, branch, a.paint(cyan, oneLine(effect)),
			a.paint(dim, a.stamp(link.GetOnset())), oneLine(link.GetMechanism()))
		a.explainEvidence(indent+below+"  ", link.GetEvidence())
		if !drawn[effect] {
			a.drawEffects(links, effect, indent+below, drawn)
		}
	}
}

func (a *app) explainImpact(g *tapiov1.SemanticGroup) {
	impact := g.GetImpact()
	if impact == nil {
		return
	}
	a.section("IMPACT")
	fmt.Fprintf(a.out, "%s: %s\n", a.paint(levelPaint(impact.GetLevel()), word(impact.GetLevel(), "LEVEL_")),
		oneLine(orDash(impact.GetSummary())))
	if impact.GetAffectedRequestRatio() > 0 {
		fmt.Fprintf(a.out, "requests affected %s, failed %s; ", percent(impact.GetAffectedRequestRatio()), percent(impact.GetErrorRatio()))
	}
	fmt.Fprintf(a.out, "services: %s\n", oneLine(orDash(strings.Join(g.GetServices(), ", "))))
}

func (a *app) explainPredictions(list []*tapiov1.PredictedOutcome) {
	if len(list) == 0 {
		return
	}
	a.section("FORECAST")
	for _, p := range list {
		fmt.Fprintf(a.out, "%s (%s, from %s)\n", oneLine(p.GetDescription()), percent(p.GetProbability()),
			a.stamp(p.GetExpectedRange().GetStart()))
	}
}

// actionsOf prefers the group's own; an insight repeats them for its reader.
func actionsOf(g *tapiov1.SemanticGroup, insights []*tapiov1.Insight) []*tapiov1.RecommendedAction {
	if len(g.GetActions()) > 0 || len(insights) == 0 {
		return g.GetActions()
	}
	return insights[0].GetActions()
}

func (a *app) explainActions(list []*tapiov1.RecommendedAction) {
	if len(list) == 0 {
		return
	}
	a.section("WHAT TO DO")
	for n, action := range list {
		fmt.Fprintf(a.out, "%d. %s", n+1, a.paint(bold, oneLine(action.GetTitle())))
		if action.GetDescription() != "" {
			a.write(": " + oneLine(action.GetDescription()))
		}
		a.write("\n")
		for _, command := range action.GetCommands() {
			a.write("   $ " + oneLine(command))
			if !action.GetReadOnly() && !looks(command) {
				a.write(a.paint(yellow, "   # changes the system"))
			}
			a.write("\n")
		}
	}
}

// looks reports whether a command of an action that changes the system only looks
// at it: those by which one sees first what there is to change.
func looks(command string) bool {
	program, rest, _ := strings.Cut(command, " ")
	verb, _, _ := strings.Cut(rest, " ")
	switch program {
	case "kubectl":
		return slices.Contains([]string{"get", "describe", "logs", "top"}, verb) || strings.HasPrefix(rest, "rollout history")
	case "systemctl":
		return verb == "status"
	default:
		return slices.Contains([]string{"tapioctl", "journalctl", "dmesg", "ss", "nstat", "df", "ps", "pgrep", "lsof", "dig", "ping"}, program)
	}
}
