// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package protoconv

import (
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/tapio/tapio/internal/model"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// maxFindingIDs is the most ids that one question may name.
const maxFindingIDs = 1000

// GetCorrelationsQuery reads a query for correlations.
func GetCorrelationsQuery(req *tapiov1.GetCorrelationsRequest, now time.Time) (model.FindingQuery, error) {
	query, err := pagedFindings(model.CorrelationEvent, req, req.GetFilter(), req.GetMinConfidence(), now)
	if err != nil {
		return query, err
	}
	if query.GroupID, err = name("group_id", req.GetGroupId()); err != nil {
		return query, err
	}
	if query.EvidenceID, err = name("event_id", req.GetEventId()); err != nil {
		return query, err
	}
	query.CorrelationTypes, err = enums[model.CorrelationType]("types", req.GetTypes())
	return query, err
}

// GetSemanticGroupsQuery reads a query for semantic groups.
func GetSemanticGroupsQuery(req *tapiov1.GetSemanticGroupsRequest, now time.Time) (model.FindingQuery, error) {
	query, err := pagedFindings(model.SemanticGroupEvent, req, req.GetFilter(), req.GetMinConfidence(), now)
	if err != nil {
		return query, err
	}
	if err := atMost("group_ids", len(req.GetGroupIds()), maxFindingIDs); err != nil {
		return query, err
	}
	query.IDs = req.GetGroupIds()
	if query.GroupTypes, err = enums[model.GroupType]("types", req.GetTypes()); err != nil {
		return query, err
	}
	if query.GroupStates, err = enums[model.GroupState]("states", req.GetStates()); err != nil {
		return query, err
	}
	query.GroupKinds, err = enums[model.GroupKind]("kinds", req.GetKinds())
	return query, err
}

// GetInsightsQuery reads a query for insights.
func GetInsightsQuery(req *tapiov1.GetInsightsRequest, now time.Time) (model.FindingQuery, error) {
	if len(req.GetFilter().GetNamespaces()) > 0 {
		return model.FindingQuery{}, model.InvalidField("filter.namespaces",
			"must be unset: an insight names services; query the groups of the namespace")
	}
	query, err := pagedFindings(model.InsightEvent, req, req.GetFilter(), req.GetMinConfidence(), now)
	if err != nil {
		return query, err
	}
	if query.GroupID, err = name("group_id", req.GetGroupId()); err != nil {
		return query, err
	}
	query.Audience = model.InsightAudience(req.GetAudience())
	return query, knownEnum("audience", req.GetAudience())
}

func pagedFindings(
	eventName string, req proto.Message, f *tapiov1.Filter, minConfidence float64, now time.Time,
) (model.FindingQuery, error) {
	query := model.FindingQuery{EventName: eventName, MinConfidence: minConfidence}
	if err := onFindings(eventName, f); err != nil {
		return query, within("filter", err)
	}
	if !(minConfidence >= 0 && minConfidence <= 1) { // refuses NaN too
		return query, model.InvalidField("min_confidence", "must be 0 to 1, is %v", minConfidence)
	}
	events, err := pagedEvents(req, f, now)
	query.Filter, query.Paging = events.Filter, events.Paging
	return query, err
}

// onFindings refuses conditions that the kind of finding has nothing for.
func onFindings(eventName string, f *tapiov1.Filter) error {
	switch graded := eventName == model.InsightEvent; {
	case len(f.GetEventNames()) > 0:
		return model.InvalidField("event_names", "must be unset: the method selects the findings")
	case !graded && len(f.GetSeverities()) > 0:
		return model.InvalidField("severities", "must be unset: only insights have a severity")
	case !graded && f.GetMinSeverity() != 0:
		return model.InvalidField("min_severity", "must be unset: only insights have a severity")
	default:
		return nil
	}
}

// name reads an id that may be empty.
func name(field, text string) (string, error) {
	if len(text) > maxNameBytes {
		return "", model.InvalidField(field, "has %d bytes, the most is %d", len(text), maxNameBytes)
	}
	return text, nil
}

// enums reads a repeated enum whose numbers are those of the words.
func enums[Word ~uint8, Message interface {
	protoreflect.Enum
	~int32
}](field string, in []Message) ([]Word, error) {
	if err := atMost(field, len(in), maxSelectors); err != nil {
		return nil, err
	}
	out := make([]Word, len(in))
	for i, value := range in {
		if err := knownEnum(indexed(field, i), value); err != nil {
			return nil, err
		}
		if value == 0 {
			return nil, model.InvalidField(indexed(field, i), "must be one that is specified: leave %s empty for all", field)
		}
		out[i] = Word(value)
	}
	return out, nil
}

// Analysis is what to correlate on demand.
type Analysis struct {
	Filter   model.Filter
	IDs      []string // of records; then Filter.Time is not used
	Audience model.InsightAudience
}

// maxAnalyzedStretch bounds the time that one analysis covers.
const maxAnalyzedStretch = 24 * time.Hour

// AnalyzeQuery reads which records to correlate on demand.
func AnalyzeQuery(req *tapiov1.AnalyzeEventsRequest, now time.Time) (Analysis, error) {
	analysis := Analysis{IDs: req.GetEventIds(), Audience: model.InsightAudience(req.GetAudience())}
	if err := knownEnum("audience", req.GetAudience()); err != nil {
		return analysis, err
	}
	if err := atMost("event_ids", len(req.GetEventIds()), maxFindingIDs); err != nil {
		return analysis, err
	}
	for i, id := range req.GetEventIds() {
		if id == "" || len(id) > maxNameBytes {
			return analysis, model.InvalidField(indexed("event_ids", i), "must have 1 to %d bytes, has %d", maxNameBytes, len(id))
		}
	}
	if err := analyzable(req.GetFilter()); err != nil {
		return analysis, within("filter", err)
	}
	var err error
	if analysis.Filter, err = filter(req.GetFilter(), now); err != nil {
		return analysis, within("filter", err)
	}
	return analysis, within("filter.time_range", stretchOf(analysis))
}

// analyzable refuses what an analysis, which sees records of every signal and
// answers without pages, has no use for.
func analyzable(f *tapiov1.Filter) error {
	const mend = "must be unset: an analysis looks at records of every signal"
	switch {
	case f.GetMinSeverity() != 0:
		return model.InvalidField("min_severity", mend)
	case len(f.GetSeverities()) > 0:
		return model.InvalidField("severities", mend)
	case len(f.GetEventNames()) > 0:
		return model.InvalidField("event_names", mend)
	case f.GetLimit() != 0:
		return model.InvalidField("limit", "must be unset: an analysis has no pages; give a shorter time_range")
	case f.GetAscending():
		return model.InvalidField("ascending", "must be unset: the gravest incident comes first")
	default:
		return notPaged(f)
	}
}

func stretchOf(a Analysis) error {
	stretch := a.Filter.Time
	switch {
	case len(a.IDs) > 0 && stretch != model.TimeRange{}:
		return model.InvalidField("", "excludes event_ids: give either the records or the time")
	case len(a.IDs) > 0:
		return nil
	case stretch.Start == 0 || stretch.End == 0:
		return model.InvalidField("", "must have a start and an end, or last, unless event_ids is set")
	case stretch.End-stretch.Start > model.Nanos(maxAnalyzedStretch):
		return model.InvalidField("", "spans %v, the most is %v", time.Duration(stretch.End-stretch.Start), maxAnalyzedStretch)
	default:
		return nil
	}
}
