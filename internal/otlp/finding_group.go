// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/semconv"
)

// The attributes of a semantic group's record.
const (
	groupType         = semconv.GroupType
	groupState        = semconv.GroupState
	groupKind         = semconv.GroupKind
	groupSimilar      = semconv.GroupSimilar
	groupSimilarCount = semconv.GroupSimilarCount
	groupMergedInto   = semconv.GroupMergedInto
	groupSplitFrom    = semconv.GroupSplitFrom
	groupMemberCount  = semconv.GroupMemberCount
	groupCorrelations = semconv.GroupCorrelations
	groupPredictions  = semconv.GroupPredictions

	causeKind       = semconv.RootCauseKind
	causeName       = semconv.RootCauseName
	causeConfidence = semconv.RootCauseConfidence
	causeSummary    = semconv.RootCauseSummary
	causeFactors    = semconv.RootCauseFactors
	causeChain      = semconv.RootCauseChain
	causeEvidence   = semconv.RootCauseEvidence

	impactLevel    = semconv.ImpactLevel
	impactRequests = semconv.ImpactAffectedRequestRatio
	impactErrors   = semconv.ImpactErrorRatio
	impactCascade  = semconv.ImpactCascadeRisk
	impactSummary  = semconv.ImpactSummary
	impactEntities = semconv.ImpactEntities

	impactSlow       = semconv.ImpactSlowRatio
	impactBaseline   = semconv.ImpactBaselineErrorRatio
	impactCount      = semconv.ImpactRequestCount
	impactFailed     = semconv.ImpactFailedRequestCount
	impactSlowCount  = semconv.ImpactSlowRequestCount
	impactPeak       = semconv.ImpactPeakAffectedRatio
	impactPeakTime   = semconv.ImpactPeakTime
	impactOperations = semconv.ImpactOperations
	impactUnaffected = semconv.ImpactUnaffectedOperationCount
	impactAttributes = semconv.ImpactAttributes
)

func putGroup(event *model.Event, to *fields, g *model.SemanticGroup) {
	event.Body = body(g.Title)
	setSeverity(event, severityOf(g))
	to.text(model.GroupIDKey, g.ID)
	putEnum(to, groupType, groupTypes(), g.Type)
	putEnum(to, groupState, groupStates(), g.State)
	putEnum(to, groupKind, groupKinds(), g.Kind)
	to.text(groupMergedInto, g.MergedInto)
	to.text(groupSplitFrom, g.SplitFrom)
	to.number(findingConfidence, g.Confidence)
	to.timeRange(g.Range)
	to.texts(findingServices, g.Services)
	to.rootCause(&g.RootCause)
	to.impact(&g.Impact)
	putList(to, groupPredictions, g.Predictions, predictionValue)
	putList(to, findingActions, g.Actions, actionValue)
	to.count(groupMemberCount, g.MemberCount)
	to.texts(groupCorrelations, g.CorrelationIDs)
	putList(to, groupSimilar, g.Similar, similarValue)
	to.count(groupSimilarCount, uint64(g.SimilarCount))
	putList(to, findingEvidence, g.Members, evidenceValue)
}

// severityOf lets back ends that know nothing of findings alert on severe
// incidents: what affects no one is info.
func severityOf(g *model.SemanticGroup) model.Severity {
	if g.Kind == model.GroupObservation || g.Kind == model.GroupChange {
		return model.SeverityInfo
	}
	switch g.Impact.Level {
	case model.ImpactMedium:
		return model.SeverityWarn
	case model.ImpactHigh, model.ImpactCritical:
		return model.SeverityError
	default:
		return model.SeverityInfo
	}
}

func groupFrom(event *model.Event, from known, identity model.FindingIdentity) *model.SemanticGroup {
	return &model.SemanticGroup{
		FindingIdentity: identity,
		Type:            getEnum[model.GroupType](from, groupType, groupTypes()),
		State:           getEnum[model.GroupState](from, groupState, groupStates()),
		Kind:            getEnum[model.GroupKind](from, groupKind, groupKinds()),
		Similar:         recordsOf(from, groupSimilar, similarFrom),
		SimilarCount:    uint32(from.count(groupSimilarCount)),
		Title:           event.Body.Str(),
		Range:           from.timeRange(),
		CorrelationIDs:  from.texts(groupCorrelations),
		Members:         recordsOf(from, findingEvidence, evidenceFrom),
		MemberCount:     from.count(groupMemberCount),
		Services:        from.texts(findingServices),
		RootCause:       from.rootCause(),
		Impact:          from.impact(),
		Predictions:     recordsOf(from, groupPredictions, predictionFrom),
		Actions:         recordsOf(from, findingActions, actionFrom),
		MergedInto:      from.text(groupMergedInto),
		SplitFrom:       from.text(groupSplitFrom),
		Confidence:      from.number(findingConfidence),
	}
}

// rootCause writes the analysis, and the first factor again by itself, so
// that a back end can select and count by it.
func (f *fields) rootCause(r *model.RootCause) {
	if len(r.Factors) > 0 {
		putEnum(f, causeKind, entityKinds(), r.Factors[0].Entity.Kind)
		f.text(causeName, r.Factors[0].Entity.Name)
	}
	f.number(causeConfidence, r.Confidence)
	f.text(causeSummary, r.Summary)
	putList(f, causeFactors, r.Factors, factorValue)
	putList(f, causeChain, r.Chain, linkValue)
	putList(f, causeEvidence, r.Evidence, evidenceValue)
}

func (k known) rootCause() model.RootCause {
	return model.RootCause{
		Factors:    recordsOf(k, causeFactors, factorFrom),
		Chain:      recordsOf(k, causeChain, linkFrom),
		Evidence:   recordsOf(k, causeEvidence, evidenceFrom),
		Confidence: k.number(causeConfidence),
		Summary:    k.text(causeSummary),
	}
}

func (f *fields) impact(i *model.Impact) {
	putEnum(f, impactLevel, impactLevels(), i.Level)
	f.number(impactRequests, i.AffectedRequestRatio)
	f.number(impactErrors, i.ErrorRatio)
	f.number(impactCascade, i.CascadeRisk)
	f.text(impactSummary, i.Summary)
	putList(f, impactEntities, i.Entities, entityValue)
	f.number(impactSlow, i.SlowRatio)
	f.number(impactBaseline, i.BaselineErrorRatio)
	f.number(impactCount, i.Requests)
	f.number(impactFailed, i.FailedRequests)
	f.number(impactSlowCount, i.SlowRequests)
	f.number(impactPeak, i.PeakAffectedRatio)
	f.count(impactPeakTime, uint64(i.PeakTime))
	putList(f, impactOperations, i.Operations, operationImpactValue)
	f.count(impactUnaffected, uint64(i.Unaffected))
	putList(f, impactAttributes, i.Attributes, attributeImpactValue)
}

func (k known) impact() model.Impact {
	return model.Impact{
		Level:                getEnum[model.ImpactLevel](k, impactLevel, impactLevels()),
		Entities:             recordsOf(k, impactEntities, entityFrom),
		SlowRatio:            k.number(impactSlow),
		BaselineErrorRatio:   k.number(impactBaseline),
		Requests:             k.number(impactCount),
		FailedRequests:       k.number(impactFailed),
		SlowRequests:         k.number(impactSlowCount),
		PeakAffectedRatio:    k.number(impactPeak),
		PeakTime:             model.Nanos(k.count(impactPeakTime)),
		Operations:           recordsOf(k, impactOperations, operationImpactFrom),
		Unaffected:           uint32(k.count(impactUnaffected)),
		Attributes:           recordsOf(k, impactAttributes, attributeImpactFrom),
		AffectedRequestRatio: k.number(impactRequests),
		ErrorRatio:           k.number(impactErrors),
		CascadeRisk:          k.number(impactCascade),
		Summary:              k.text(impactSummary),
	}
}
