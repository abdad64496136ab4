// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package render

import (
	"fmt"
	"strconv"
	"strings"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// FindingsPerPage is the most findings that the server returns at once.
const FindingsPerPage = 100

// word returns an enum's value as a person writes it.
func word(value fmt.Stringer, prefix string) string {
	text := strings.ToLower(strings.TrimPrefix(value.String(), prefix))
	return OrDash(strings.TrimSuffix(strings.ReplaceAll(text, "_", "-"), "unspecified"))
}

func percent(share float64) string { return strconv.FormatFloat(100*share, 'f', 0, 64) + "%" }

// CorrelationRow is a correlation as a row of a table.
func CorrelationRow(o *Output, c *tapiov1.Correlation) []Cell {
	return []Cell{
		{o.Stamp(c.GetTimeRange().GetEnd()), Dim},
		{c.GetId(), Plain},
		{word(c.GetType(), "TYPE_"), Cyan},
		{percent(c.GetConfidence()), Plain},
		{OrDash(c.GetGroupId()), Plain},
		{OrDash(c.GetRule()), Dim},
		{c.GetExplanation(), Plain},
	}
}

// GroupRow is an incident as a row of a table.
func GroupRow(o *Output, g *tapiov1.SemanticGroup) []Cell {
	return []Cell{
		{o.Stamp(g.GetTimeRange().GetStart()), Dim},
		{g.GetId(), Plain},
		{word(g.GetKind(), "KIND_"), Plain},
		{word(g.GetState(), "STATE_"), Plain},
		{word(g.GetType(), "TYPE_"), Cyan},
		{word(g.GetImpact().GetLevel(), "LEVEL_"), levelPaint(g.GetImpact().GetLevel())},
		{CauseText(g), Bold},
		{strconv.Itoa(len(g.GetServices())), Dim},
		{g.GetTitle(), Plain},
	}
}

func levelPaint(level tapiov1.ImpactAssessment_Level) Color {
	switch level {
	case tapiov1.ImpactAssessment_LEVEL_HIGH, tapiov1.ImpactAssessment_LEVEL_CRITICAL:
		return Red
	case tapiov1.ImpactAssessment_LEVEL_MEDIUM:
		return Yellow
	default:
		return Plain
	}
}

// InsightRow is an insight as a row of a table.
func InsightRow(o *Output, i *tapiov1.Insight) []Cell {
	severity := Cell{word(i.GetSeverity(), "SEVERITY_"), Plain}
	if i.GetSeverity() >= tapiov1.Severity_SEVERITY_ERROR {
		severity.Paint = Red
	}
	return []Cell{
		{o.Stamp(i.GetTime()), Dim},
		{i.GetId(), Plain},
		{OrDash(i.GetGroupId()), Plain},
		severity,
		{word(i.GetAudience(), "AUDIENCE_"), Dim},
		{i.GetTitle(), Bold},
	}
}

// entityName returns "payment", "pod payment-7", "process postgres".
func entityName(e *tapiov1.Entity) string {
	if e.GetKind() == tapiov1.Entity_KIND_SERVICE || e.GetKind() == tapiov1.Entity_KIND_UNSPECIFIED {
		return OrDash(e.GetName())
	}
	return word(e.GetKind(), "KIND_") + " " + OrDash(e.GetName())
}

// CauseText is the first candidate for the cause with its probability, or "-".
func CauseText(g *tapiov1.SemanticGroup) string {
	factors := g.GetRootCause().GetCausalFactors()
	if len(factors) == 0 {
		return "-"
	}
	return entityName(factors[0].GetEntity()) + " " + percent(factors[0].GetProbability())
}

// GroupHeading is the heading of GroupRow.
func GroupHeading() []string {
	return []string{"START", "ID", "KIND", "STATE", "TYPE", "IMPACT", "CAUSE", "SERVICES", "TITLE"}
}

// lifeCell is where in its life an incident is; of what is none, what it is.
func lifeCell(g *tapiov1.SemanticGroup) Cell {
	switch kind := g.GetKind(); kind {
	case tapiov1.SemanticGroup_KIND_OBSERVATION, tapiov1.SemanticGroup_KIND_CHANGE:
		return Cell{word(kind, "KIND_"), Plain}
	case tapiov1.SemanticGroup_KIND_INCIDENT, tapiov1.SemanticGroup_KIND_UNSPECIFIED: // shown by its state
	}
	state := Cell{word(g.GetState(), "STATE_"), Red}
	switch g.GetState() {
	case tapiov1.SemanticGroup_STATE_MERGED, tapiov1.SemanticGroup_STATE_RESOLVED:
		state.Paint = Green
	case tapiov1.SemanticGroup_STATE_RECOVERING, tapiov1.SemanticGroup_STATE_UNKNOWN, tapiov1.SemanticGroup_STATE_CLOSED:
		state.Paint = Yellow
	case tapiov1.SemanticGroup_STATE_OPEN, tapiov1.SemanticGroup_STATE_GROWING, tapiov1.SemanticGroup_STATE_REOPENED,
		tapiov1.SemanticGroup_STATE_UNSPECIFIED: // stays red
	}
	return state
}
