// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package mcp

import (
	"context"
	"fmt"
	"slices"

	"github.com/tapio/tapio/internal/model"
)

func incidentStates() []any {
	return []any{"open", "growing", "closed", "merged", "recovering", "resolved", "unknown", "reopened"}
}

func incidentKinds() []any { return []any{"incident", "observation", "change"} }

type listIncidentsInput struct {
	Since    string   `json:"since,omitempty" jsonschema:"incidents that go on or ended at or after this time: RFC 3339, or how long ago such as 30m, 6h or 2d; 1h by default"`
	Until    string   `json:"until,omitempty" jsonschema:"incidents that began before this time, in the same forms; now by default"`
	Services []string `json:"services,omitempty" jsonschema:"only incidents that affect one of these services"`
	States   []string `json:"states,omitempty" jsonschema:"only incidents in one of these states; all by default"`
	Kinds    []string `json:"kinds,omitempty" jsonschema:"incident: users are affected; observation: unusual, but no one is affected; change: a planned change that affects no one. By default only incidents"`
	Limit    int      `json:"limit,omitempty" jsonschema:"most incidents to return, 1 to 100; 20 by default"`
}

// incidentSummary is one incident in a list.
type incidentSummary struct {
	ID         string   `json:"incident_id"`
	Title      string   `json:"title"`
	Kind       string   `json:"kind,omitempty"`
	State      string   `json:"state,omitempty"`
	Type       string   `json:"type,omitempty"`
	Impact     string   `json:"impact,omitempty"`
	Began      string   `json:"began"`
	Last       string   `json:"last_activity,omitempty"`
	Services   []string `json:"services,omitempty"`
	RootCause  string   `json:"root_cause,omitempty"`
	Confidence float64  `json:"root_cause_confidence,omitempty"`
	Merged     string   `json:"merged_into,omitempty"`
}

const maxNamedServices = 30

func (s *server) listIncidents(ctx context.Context, in *listIncidentsInput) (*answer, error) {
	times, err := s.timeRange(in.Since, in.Until)
	if err != nil {
		return nil, err
	}
	most, err := limit(in.Limit, 20, 100)
	if err != nil {
		return nil, err
	}
	groups, more, err := s.groups(ctx, &model.FindingQuery{
		Filter: model.Filter{Time: times, Services: in.Services}, GroupStates: states(in.States), GroupKinds: kinds(in.Kinds),
		Paging: model.Paging{Limit: most},
	})
	if err != nil {
		return nil, err
	}
	found := &answer{
		from: times.Start, to: times.End, more: more,
		hint: "narrow since and until, name services, or request states such as open",
	}
	summaries := make([]incidentSummary, len(groups))
	for i, group := range groups {
		summaries[i] = summarizeIncident(group)
	}
	found.add("incidents", listOf(summaries)...)
	return found, nil
}

// groups returns incidents, the newest first.
func (s *server) groups(ctx context.Context, q *model.FindingQuery) (groups []*model.SemanticGroup, more bool, err error) {
	q.EventName = model.SemanticGroupEvent
	page, err := s.Findings.LatestFindings(ctx, q)
	if err != nil {
		return nil, false, err
	}
	for _, finding := range page.Rows {
		if group, ok := finding.(*model.SemanticGroup); ok {
			groups = append(groups, group)
		}
	}
	return groups, !page.Next.IsZero(), nil
}

func states(names []string) (list []model.GroupState) {
	for _, name := range names {
		list = append(list, model.GroupState(1+slices.Index(incidentStates(), any(name))))
	}
	return list
}

func kinds(names []string) []model.GroupKind {
	if len(names) == 0 {
		return []model.GroupKind{model.GroupIncident}
	}
	var list []model.GroupKind
	for _, name := range names {
		list = append(list, model.GroupKind(1+slices.Index(incidentKinds(), any(name))))
	}
	return list
}

func stateName(state model.GroupState) string {
	if state == model.GroupStateUnspecified || int(state) > len(incidentStates()) {
		return ""
	}
	name, _ := incidentStates()[state-1].(string)
	return name
}

func summarizeIncident(g *model.SemanticGroup) incidentSummary {
	summary := incidentSummary{
		ID: g.ID, Title: g.Title, Kind: nameOf([]string{"", "incident", "observation", "change"}, int(g.Kind)), State: stateName(g.State), Type: groupTypeName(g.Type), Impact: impactName(g.Impact.Level),
		Began: timeText(g.Range.Start), Last: timeText(g.Range.End), Merged: g.MergedInto,
		Services: g.Services[:min(len(g.Services), maxNamedServices)], Confidence: g.RootCause.Confidence,
	}
	if len(g.RootCause.Factors) > 0 {
		first := &g.RootCause.Factors[0]
		summary.RootCause = entityText(&first.Entity) + ": " + first.Reason
	}
	return summary
}

func groupTypeName(t model.GroupType) string {
	names := [...]string{"", "deployment", "failure_cascade", "resource_exhaustion", "network", "dependency", "security"}
	return nameOf(names[:], int(t))
}

func impactName(level model.ImpactLevel) string {
	names := [...]string{"", "low", "medium", "high", "critical"}
	return nameOf(names[:], int(level))
}

func nameOf(names []string, i int) string {
	if i >= len(names) {
		return ""
	}
	return names[i]
}

func entityText(e *model.Entity) string { return e.Kind.String() + " " + e.Name }

type explainIncidentInput struct {
	ID string `json:"incident_id" jsonschema:"id of an incident, as list_incidents returns it"`
}

func (s *server) explainIncident(ctx context.Context, in *explainIncidentInput) (*answer, error) {
	group, err := s.incident(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	insights, err := s.insights(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return explanation(group, insights), nil
}

// incident returns one incident.
func (s *server) incident(ctx context.Context, id string) (*model.SemanticGroup, error) {
	groups, _, err := s.groups(ctx, &model.FindingQuery{IDs: []string{id}, Paging: model.Paging{Limit: 1}})
	if err != nil {
		return nil, err
	}
	if len(groups) == 0 {
		return nil, model.InvalidField("incident_id", "no incident %q is stored: list_incidents returns the ids", id)
	}
	return groups[0], nil
}

// insights describe an incident in prose.
func (s *server) insights(ctx context.Context, id string) (list []insightText, err error) {
	page, err := s.Findings.LatestFindings(ctx, &model.FindingQuery{
		EventName: model.InsightEvent, GroupID: id, Paging: model.Paging{Limit: 5},
	})
	if err != nil {
		return nil, err
	}
	for _, finding := range page.Rows {
		if insight, ok := finding.(*model.Insight); ok {
			list = append(list, insightText{Title: insight.Title, Text: short(insight.Text, bodyBytes)})
		}
	}
	return list, nil
}

type insightText struct {
	Title string `json:"title"`
	Text  string `json:"text"`
}

// explanation is all of an incident, the most important first.
func explanation(g *model.SemanticGroup, insights []insightText) *answer {
	found := &answer{
		from: g.Range.Start, to: g.Range.End,
		hint: "the last parts of the answer are cut: follow the evidence that is there with query_logs, get_trace or query_metrics",
	}
	found.set("incident", summarizeIncident(g))
	found.set("root_cause_summary", short(g.RootCause.Summary, bodyBytes))
	found.add("root_cause_candidates", listOf(candidates(g.RootCause.Factors))...)
	found.add("causal_chain", listOf(chain(g.RootCause.Chain))...)
	found.set("impact", impactOf(&g.Impact))
	found.add("recommended_actions", listOf(actions(g.Actions))...)
	found.add("insights", listOf(insights)...)
	found.add("similar_incidents", listOf(similar(g.Similar))...)
	found.add("predictions", listOf(predictions(g.Predictions))...)
	found.add("evidence", listOf(evidence(append(slices.Clone(g.RootCause.Evidence), g.Members...), maxEvidence))...)
	found.set("evidence_count", g.MemberCount)
	return found
}

// maxEvidence is how many pieces of evidence an explanation names.
const maxEvidence = 60

type impactText struct {
	Level    string   `json:"level,omitempty"`
	Summary  string   `json:"summary,omitempty"`
	Affected string   `json:"affected_requests,omitempty"`
	Failed   string   `json:"failed_requests,omitempty"`
	Entities []string `json:"entities,omitempty"`
}

func impactOf(i *model.Impact) impactText {
	text := impactText{Level: impactName(i.Level), Summary: i.Summary}
	if i.AffectedRequestRatio > 0 {
		text.Affected, text.Failed = percent(i.AffectedRequestRatio), percent(i.ErrorRatio)
	}
	for j := range i.Entities[:min(len(i.Entities), maxNamedServices)] {
		text.Entities = append(text.Entities, entityText(&i.Entities[j]))
	}
	return text
}

func percent(ratio float64) string { return fmt.Sprintf("%.1f%%", 100*ratio) }
