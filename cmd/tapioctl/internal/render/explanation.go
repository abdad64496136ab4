// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package render

import (
	"fmt"
	"slices"
	"strings"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// PrintExplanation prints one incident: what happened, why, who is affected and
// what to do.
func PrintExplanation(o *Output, g *tapiov1.SemanticGroup, insights []*tapiov1.Insight) {
	o.WriteText(o.Paint(Bold, OneLine(g.GetTitle())) + "\n")
	what := word(g.GetKind(), "KIND_")
	if g.GetKind() == tapiov1.SemanticGroup_KIND_UNSPECIFIED {
		what = "incident"
	}
	fmt.Fprintf(o, "%s, %s, since %s %s; %s %s\n", word(g.GetType(), "TYPE_"), word(g.GetState(), "STATE_"),
		o.Stamp(g.GetTimeRange().GetStart()), o.Zone, what, OneLine(g.GetId()))
	if into := g.GetMergedInto(); into != "" {
		fmt.Fprintf(o, "merged into %s\n", OneLine(into))
	}
	if from := g.GetSplitFrom(); from != "" {
		fmt.Fprintf(o, "split from %s\n", OneLine(from))
	}
	printExplainText(o, insights)
	printCauses(o, g.GetRootCause())
	printChain(o, g.GetRootCause())
	printImpact(o, g)
	printPredictions(o, g.GetPredictions())
	printActions(o, actionsOf(g, insights))
}

func printSection(o *Output, title string) { o.WriteText("\n" + o.Paint(Bold, title) + "\n") }

// printExplainText prints the insight for the person on call, else the first.
func printExplainText(o *Output, insights []*tapiov1.Insight) {
	if len(insights) == 0 {
		return
	}
	i := max(0, slices.IndexFunc(insights, func(i *tapiov1.Insight) bool {
		return i.GetAudience() == tapiov1.Insight_AUDIENCE_SRE
	}))
	o.WriteText("\n" + strings.TrimSpace(insights[i].GetText()) + "\n")
	figures := insights[i].GetKeyFigures()
	names := make([]string, 0, len(figures))
	for name := range figures {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		fmt.Fprintf(o, "  %s: %s\n", OneLine(name), OneLine(figures[name]))
	}
}

func printCauses(o *Output, r *tapiov1.RootCauseAnalysis) {
	if len(r.GetCausalFactors()) == 0 {
		return
	}
	printSection(o, "CAUSE")
	for _, factor := range r.GetCausalFactors() {
		fmt.Fprintf(o, "%d. %s %s  %s\n", factor.GetRank(), o.Paint(Cyan, OneLine(entityName(factor.GetEntity()))),
			percent(factor.GetProbability()), OneLine(factor.GetReason()))
		for _, place := range factor.GetWithin() {
			fmt.Fprintf(o, "   in %s\n", o.Paint(Cyan, OneLine(entityName(place))))
		}
		printEvidence(o, "   ", factor.GetEvidence())
	}
}

func printEvidence(o *Output, indent string, list []*tapiov1.EvidenceRef) {
	for _, e := range FirstOf(maxEvidence, list) {
		fmt.Fprintf(o, "%s%s %s %s  %s\n", indent, o.Paint(Dim, o.Stamp(e.GetTime())), word(e.GetKind(), "KIND_"),
			OneLine(OrDash(e.GetDescription())), o.Paint(Dim, OneLine(e.GetId())))
	}
	if more := len(list) - maxEvidence; more > 0 {
		fmt.Fprintf(o, "%sand %d more; -o json shows all\n", indent, more)
	}
}

// printChain draws how the fault spread as a tree: an entity stands below the
// one that affected it.
func printChain(o *Output, r *tapiov1.RootCauseAnalysis) {
	links := r.GetCausalChain()
	if len(links) == 0 {
		return
	}
	printSection(o, "HOW IT SPREAD")
	drawn := map[string]bool{}
	for _, link := range links {
		root := entityName(link.GetCause())
		isEffect := slices.ContainsFunc(links, func(l *tapiov1.CausalLink) bool { return entityName(l.GetEffect()) == root })
		if !isEffect && !drawn[root] {
			o.WriteText(o.Paint(Cyan, OneLine(root)) + "\n")
			printEffects(o, links, root, "", drawn)
		}
	}
	for _, link := range links { // of a circle, no part is a root
		if root := entityName(link.GetCause()); !drawn[root] {
			o.WriteText(o.Paint(Cyan, OneLine(root)) + "\n")
			printEffects(o, links, root, "", drawn)
		}
	}
}

func printEffects(o *Output, links []*tapiov1.CausalLink, cause, indent string, drawn map[string]bool) {
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
		fmt.Fprintf(o, "%s%s%s  %s %s\n", indent, branch, o.Paint(Cyan, OneLine(effect)),
			o.Paint(Dim, o.Stamp(link.GetOnset())), OneLine(link.GetMechanism()))
		printEvidence(o, indent+below+"  ", link.GetEvidence())
		if !drawn[effect] {
			printEffects(o, links, effect, indent+below, drawn)
		}
	}
}

func printImpact(o *Output, g *tapiov1.SemanticGroup) {
	impact := g.GetImpact()
	if impact == nil {
		return
	}
	printSection(o, "IMPACT")
	fmt.Fprintf(o, "%s: %s\n", o.Paint(levelPaint(impact.GetLevel()), word(impact.GetLevel(), "LEVEL_")),
		OneLine(OrDash(impact.GetSummary())))
	if impact.GetAffectedRequestRatio() > 0 {
		fmt.Fprintf(o, "requests affected %s, failed %s; ", percent(impact.GetAffectedRequestRatio()), percent(impact.GetErrorRatio()))
	}
	fmt.Fprintf(o, "services: %s\n", OneLine(OrDash(strings.Join(g.GetServices(), ", "))))
}

func printPredictions(o *Output, list []*tapiov1.PredictedOutcome) {
	if len(list) == 0 {
		return
	}
	printSection(o, "FORECAST")
	for _, p := range list {
		fmt.Fprintf(o, "%s (%s, from %s)\n", OneLine(p.GetDescription()), percent(p.GetProbability()),
			o.Stamp(p.GetExpectedRange().GetStart()))
	}
}

func printActions(o *Output, list []*tapiov1.RecommendedAction) {
	if len(list) == 0 {
		return
	}
	printSection(o, "WHAT TO DO")
	for n, action := range list {
		fmt.Fprintf(o, "%d. %s", n+1, o.Paint(Bold, OneLine(action.GetTitle())))
		if action.GetDescription() != "" {
			o.WriteText(": " + OneLine(action.GetDescription()))
		}
		o.WriteText("\n")
		for _, command := range action.GetCommands() {
			o.WriteText("   $ " + OneLine(command))
			if !action.GetReadOnly() && !looks(command) {
				o.WriteText(o.Paint(Yellow, "   # changes the system"))
			}
			o.WriteText("\n")
		}
	}
}

// maxEvidence is how many records are shown for one step.
const maxEvidence = 5

// actionsOf prefers the group's own; an insight repeats them for its reader.
func actionsOf(g *tapiov1.SemanticGroup, insights []*tapiov1.Insight) []*tapiov1.RecommendedAction {
	if len(g.GetActions()) > 0 || len(insights) == 0 {
		return g.GetActions()
	}
	return insights[0].GetActions()
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
