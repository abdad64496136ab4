// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package protoconv

import (
	"github.com/tapio/tapio/internal/model"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// The numbers of the words' enums are those of the contract's; a test holds
// them to it.

// Correlation makes the message of a correlation.
func Correlation(c *model.Correlation) *tapiov1.Correlation {
	return &tapiov1.Correlation{
		Id:          c.ID,
		Type:        tapiov1.Correlation_Type(c.Type),
		Score:       c.Score,
		Confidence:  c.Confidence,
		Members:     each(c.Members, evidence),
		Entities:    each(c.Entities, entity),
		TimeRange:   rangeMessage(c.Range),
		Rule:        c.Rule,
		Explanation: c.Explanation,
		GroupId:     c.GroupID,
		Time:        timestamp(c.Time),
		Revision:    c.Revision,
	}
}

// SemanticGroup makes the message of a group.
func SemanticGroup(g *model.SemanticGroup) *tapiov1.SemanticGroup {
	return &tapiov1.SemanticGroup{
		Id:             g.ID,
		Type:           tapiov1.SemanticGroup_Type(g.Type),
		State:          tapiov1.SemanticGroup_State(g.State),
		Title:          g.Title,
		TimeRange:      rangeMessage(g.Range),
		CorrelationIds: g.CorrelationIDs,
		Members:        each(g.Members[:min(len(g.Members), model.MaxGroupMembers)], evidence),
		MemberCount:    g.MemberCount,
		Services:       g.Services,
		RootCause:      rootCause(&g.RootCause),
		Impact:         impact(&g.Impact),
		Predictions:    each(g.Predictions, prediction),
		Actions:        each(g.Actions, action),
		MergedInto:     g.MergedInto,
		SplitFrom:      g.SplitFrom,
		Kind:           tapiov1.SemanticGroup_Kind(g.Kind),
		Similar:        each(g.Similar, similar),
		SimilarCount:   g.SimilarCount,
		Confidence:     g.Confidence,
		Time:           timestamp(g.Time),
		Revision:       g.Revision,
	}
}

// Insight makes the message of an insight.
func Insight(i *model.Insight) *tapiov1.Insight {
	return &tapiov1.Insight{
		Id:         i.ID,
		GroupId:    i.GroupID,
		Audience:   tapiov1.Insight_Audience(i.Audience),
		Title:      i.Title,
		Text:       i.Text,
		Time:       timestamp(i.Time),
		Severity:   tapiov1.Severity(i.Severity),
		Confidence: i.Confidence,
		Actions:    each(i.Actions, action),
		KeyFigures: keyFigures(i.KeyFigures),
		Evidence:   each(i.Evidence, evidence),
		Duration:   stretch(i.Duration),
		Revision:   i.Revision,
		Services:   i.Services,
		Kind:       tapiov1.SemanticGroup_Kind(i.Kind),
		State:      tapiov1.SemanticGroup_State(i.State),
	}
}

func similar(s *model.SimilarIncident) *tapiov1.SimilarIncident {
	return &tapiov1.SimilarIncident{GroupId: s.GroupID, TimeRange: rangeMessage(s.Range), EndedBy: s.EndedBy}
}

// each makes the messages of a list.
func each[Word, Message any](list []Word, message func(*Word) *Message) []*Message {
	out := make([]*Message, len(list))
	for i := range list {
		out[i] = message(&list[i])
	}
	return out
}

func rangeMessage(r model.TimeRange) *tapiov1.TimeRange {
	if r == (model.TimeRange{}) {
		return nil
	}
	return &tapiov1.TimeRange{Start: timestamp(r.Start), End: timestamp(r.End)}
}

func entity(e *model.Entity) *tapiov1.Entity {
	out := &tapiov1.Entity{Kind: tapiov1.Entity_Kind(e.Kind), Name: e.Name}
	if len(e.Attributes) > 0 {
		out.Attributes = make(map[string]string, len(e.Attributes))
	}
	for _, kv := range e.Attributes {
		out.Attributes[kv.Key] = kv.Value.Text()
	}
	return out
}

func evidence(e *model.EvidenceRef) *tapiov1.EvidenceRef {
	return &tapiov1.EvidenceRef{
		Kind: tapiov1.EvidenceRef_Kind(e.Kind), Id: e.ID, Time: timestamp(e.Time), Description: e.Description,
	}
}

func rootCause(r *model.RootCause) *tapiov1.RootCauseAnalysis {
	return &tapiov1.RootCauseAnalysis{
		CausalFactors: each(r.Factors, factor),
		CausalChain:   each(r.Chain, link),
		Evidence:      each(r.Evidence, evidence),
		Confidence:    r.Confidence,
		Summary:       r.Summary,
	}
}

func factor(f *model.CausalFactor) *tapiov1.CausalFactor {
	return &tapiov1.CausalFactor{
		Rank: f.Rank, Entity: entity(&f.Entity), Probability: f.Probability, Reason: f.Reason,
		Evidence: each(f.Evidence, evidence), Within: each(f.Within, entity),
	}
}

func link(l *model.CausalLink) *tapiov1.CausalLink {
	return &tapiov1.CausalLink{
		Cause: entity(&l.Cause), Effect: entity(&l.Effect), Onset: timestamp(l.Onset), Mechanism: l.Mechanism,
		Confidence: l.Confidence, Evidence: each(l.Evidence, evidence),
	}
}

func impact(i *model.Impact) *tapiov1.ImpactAssessment {
	return &tapiov1.ImpactAssessment{
		Level:                tapiov1.ImpactAssessment_Level(i.Level),
		AffectedEntities:     each(i.Entities, entity),
		AffectedRequestRatio: i.AffectedRequestRatio,
		ErrorRatio:           i.ErrorRatio,
		CascadeRisk:          i.CascadeRisk,
		Summary:              i.Summary,

		SlowRatio:                i.SlowRatio,
		BaselineErrorRatio:       i.BaselineErrorRatio,
		RequestCount:             i.Requests,
		FailedRequestCount:       i.FailedRequests,
		SlowRequestCount:         i.SlowRequests,
		PeakAffectedRatio:        i.PeakAffectedRatio,
		PeakTime:                 timestamp(i.PeakTime),
		Operations:               each(i.Operations, operationImpact),
		UnaffectedOperationCount: i.Unaffected,
		Attributes:               each(i.Attributes, attributeImpact),
	}
}

func operationImpact(o *model.OperationImpact) *tapiov1.OperationImpact {
	return &tapiov1.OperationImpact{
		Service: o.Service, Operation: o.Operation, RequestCount: o.Requests, ErrorRatio: o.ErrorRatio,
		BaselineErrorRatio: o.BaselineErrorRatio, SlowRatio: o.SlowRatio, BaselineP95: stretch(o.BaselineP95), P95: stretch(o.P95),
	}
}

func attributeImpact(a *model.AttributeImpact) *tapiov1.AttributeImpact {
	return &tapiov1.AttributeImpact{Key: a.Key, ValueCount: a.Count, Values: a.Values}
}

func prediction(p *model.Prediction) *tapiov1.PredictedOutcome {
	return &tapiov1.PredictedOutcome{
		Description: p.Description, ExpectedRange: rangeMessage(p.Expected), Probability: p.Probability,
		Entity: entity(&p.Entity), Evidence: each(p.Evidence, evidence),
	}
}

func action(a *model.RecommendedAction) *tapiov1.RecommendedAction {
	return &tapiov1.RecommendedAction{
		Title: a.Title, Description: a.Description, Commands: a.Commands,
		Urgency: tapiov1.RecommendedAction_Urgency(a.Urgency), ReadOnly: a.ReadOnly,
	}
}

func keyFigures(list []model.KeyFigure) map[string]string {
	if len(list) == 0 {
		return nil
	}
	out := make(map[string]string, len(list))
	for _, figure := range list {
		out[figure.Name] = figure.Value
	}
	return out
}
