// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/semconv"
)

// The attributes that every finding's record has; docs/reference/names.md lists all.
const (
	findingID         = semconv.FindingID
	findingRevision   = semconv.FindingRevision
	findingConfidence = semconv.FindingConfidence
	findingStart      = semconv.FindingStart
	findingEnd        = semconv.FindingEnd
	findingServices   = semconv.FindingServices
	findingEvidence   = semconv.FindingEvidence
	findingEntities   = semconv.FindingEntities
	findingActions    = semconv.FindingActions
	serviceName       = semconv.ServiceName
)

// findingService is the service that findings are records of: the one that made them.
// Those that they concern are in their attributes, so that the records of a service are
// its own.
const findingService = "tapio"

// findingScope names what wrote a finding's record.
const findingScope = "github.com/tapio/tapio/internal/correlate"

// LogsFromFindings returns the records that carry findings, in their order.
// observed is when they were made by the wall clock; 0 leaves it out.
func LogsFromFindings(findings []model.Finding, observed model.Nanos) plog.Logs {
	events := make([]model.Event, len(findings))
	for i, finding := range findings {
		events[i] = EventFromFinding(finding)
		events[i].ObservedTime = observed
	}
	return LogsFromEvents(events)
}

// EventFromFinding returns the record that carries a finding: its body is what a
// person reads, its attributes are all else.
func EventFromFinding(finding model.Finding) model.Event {
	identity := finding.Identity()
	event := model.Event{
		Name:     finding.EventName(),
		Time:     identity.Time,
		Resource: &model.Resource{Attributes: model.Attributes{{Key: serviceName, Value: model.StringValue(findingService)}}},
		Scope:    &model.Scope{Name: findingScope},
	}
	to := make(fields, 0, 32)
	to.text(findingID, identity.ID)
	to.count(findingRevision, identity.Revision)
	switch f := finding.(type) {
	case *model.Correlation:
		putCorrelation(&event, &to, f)
	case *model.SemanticGroup:
		putGroup(&event, &to, f)
	case *model.Insight:
		putInsight(&event, &to, f)
	}
	event.Attributes = model.Attributes(to)
	return event
}

// IsFinding reports whether a record carries a finding, by its name.
func IsFinding(event *model.Event) bool { return IsFindingName(event.Name) }

// IsFindingName reports whether records of the event name carry findings.
func IsFindingName(name string) bool {
	switch name {
	case model.CorrelationEvent, model.SemanticGroupEvent, model.InsightEvent:
		return true
	default:
		return false
	}
}

// FindingFromEvent reads the finding that a record carries. It is nil for a
// record of another name, or one without a finding's id. Fields that are missing
// or of another type are empty.
func FindingFromEvent(event *model.Event) model.Finding {
	from := known(event.Attributes)
	identity := model.FindingIdentity{
		ID:       from.text(findingID),
		Revision: from.count(findingRevision),
		Time:     event.Time,
	}
	if identity.ID == "" {
		return nil
	}
	switch event.Name {
	case model.CorrelationEvent:
		return correlationFrom(event, from, identity)
	case model.SemanticGroupEvent:
		return groupFrom(event, from, identity)
	case model.InsightEvent:
		return insightFrom(event, from, identity)
	default:
		return nil
	}
}

func (f *fields) timeRange(r model.TimeRange) {
	f.count(findingStart, uint64(r.Start))
	f.count(findingEnd, uint64(r.End))
}

func (k known) timeRange() model.TimeRange {
	return model.TimeRange{Start: model.Nanos(k.count(findingStart)), End: model.Nanos(k.count(findingEnd))}
}

func setSeverity(event *model.Event, severity model.Severity) {
	if severity == model.SeverityUnspecified {
		return
	}
	event.SeverityNumber = int32(severity-1)*4 + 1
	event.SeverityText = severityTexts()[severity]
}

func severityTexts() []string {
	return []string{"", "TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"}
}

const (
	correlationType  = semconv.CorrelationType
	correlationScore = semconv.CorrelationScore
	correlationRule  = semconv.CorrelationRule
)

func putCorrelation(event *model.Event, to *fields, c *model.Correlation) {
	event.Body = body(c.Explanation)
	setSeverity(event, model.SeverityInfo)
	to.text(model.GroupIDKey, c.GroupID)
	putEnum(to, correlationType, correlationTypes(), c.Type)
	to.text(correlationRule, c.Rule)
	to.number(correlationScore, c.Score)
	to.number(findingConfidence, c.Confidence)
	to.timeRange(c.Range)
	to.texts(findingServices, servicesOf(c.Entities))
	putList(to, findingEntities, c.Entities, entityValue)
	putList(to, findingEvidence, c.Members, evidenceValue)
}

func correlationFrom(event *model.Event, from known, identity model.FindingIdentity) *model.Correlation {
	return &model.Correlation{
		FindingIdentity: identity,
		Type:            getEnum[model.CorrelationType](from, correlationType, correlationTypes()),
		Score:           from.number(correlationScore),
		Confidence:      from.number(findingConfidence),
		Members:         recordsOf(from, findingEvidence, evidenceFrom),
		Entities:        recordsOf(from, findingEntities, entityFrom),
		Range:           from.timeRange(),
		Rule:            from.text(correlationRule),
		Explanation:     event.Body.Str(),
		GroupID:         from.text(model.GroupIDKey),
	}
}

const (
	insightAudience = semconv.InsightAudience
	insightTitle    = semconv.InsightTitle
	insightDuration = semconv.InsightDuration
	insightFigures  = semconv.InsightKeyFigures
)

func putInsight(event *model.Event, to *fields, i *model.Insight) {
	event.Body = body(i.Text)
	setSeverity(event, i.Severity)
	to.text(model.GroupIDKey, i.GroupID)
	to.text(insightTitle, i.Title)
	putEnum(to, groupKind, groupKinds(), i.Kind)
	putEnum(to, groupState, groupStates(), i.State)
	putEnum(to, insightAudience, audiences(), i.Audience)
	to.number(findingConfidence, i.Confidence)
	to.count(insightDuration, uint64(i.Duration))
	to.texts(findingServices, i.Services)
	putList(to, insightFigures, i.KeyFigures, figureValue)
	putList(to, findingActions, i.Actions, actionValue)
	putList(to, findingEvidence, i.Evidence, evidenceValue)
}

func insightFrom(event *model.Event, from known, identity model.FindingIdentity) *model.Insight {
	return &model.Insight{
		FindingIdentity: identity,
		GroupID:         from.text(model.GroupIDKey),
		Audience:        getEnum[model.InsightAudience](from, insightAudience, audiences()),
		Title:           from.text(insightTitle),
		Kind:            getEnum[model.GroupKind](from, groupKind, groupKinds()),
		State:           getEnum[model.GroupState](from, groupState, groupStates()),
		Text:            event.Body.Str(),
		Severity:        event.Severity(),
		Confidence:      from.number(findingConfidence),
		Services:        from.texts(findingServices),
		Actions:         recordsOf(from, findingActions, actionFrom),
		KeyFigures:      recordsOf(from, insightFigures, figureFrom),
		Evidence:        recordsOf(from, findingEvidence, evidenceFrom),
		Duration:        model.Nanos(from.count(insightDuration)),
	}
}

func body(text string) model.Value {
	if text == "" {
		return model.Value{}
	}
	return model.StringValue(text)
}
