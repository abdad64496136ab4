// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/tapio/tapio/internal/tapio"
)

// The attributes that every finding's record has; docs/semconv.md lists all.
const (
	findingID         = "tapio.finding.id"
	findingRevision   = "tapio.finding.revision"
	findingConfidence = "tapio.finding.confidence"
	findingStart      = "tapio.finding.start"
	findingEnd        = "tapio.finding.end"
	findingServices   = "tapio.finding.services"
	findingEvidence   = "tapio.finding.evidence"
	findingEntities   = "tapio.finding.entities"
	findingActions    = "tapio.finding.actions"
	serviceName       = "service.name"
)

// findingScope names what wrote a finding's record.
const findingScope = "github.com/tapio/tapio/internal/correlate"

// LogsFromFindings returns the records that carry findings, in their order.
// observed is when they were made by the wall clock; 0 leaves it out.
func LogsFromFindings(findings []tapio.Finding, observed tapio.Nanos) plog.Logs {
	events := make([]tapio.Event, len(findings))
	for i, finding := range findings {
		events[i] = EventFromFinding(finding)
		events[i].ObservedTime = observed
	}
	return LogsFromEvents(events)
}

// EventFromFinding returns the record that carries a finding: its body is what a
// person reads, its attributes are all else.
func EventFromFinding(finding tapio.Finding) tapio.Event {
	identity := finding.Identity()
	event := tapio.Event{
		Name:     finding.EventName(),
		Time:     identity.Time,
		Resource: &tapio.Resource{},
		Scope:    &tapio.Scope{Name: findingScope},
	}
	to := make(fields, 0, 32)
	to.text(findingID, identity.ID)
	to.count(findingRevision, identity.Revision)
	switch f := finding.(type) {
	case *tapio.Correlation:
		putCorrelation(&event, &to, f)
	case *tapio.SemanticGroup:
		putGroup(&event, &to, f)
	case *tapio.Insight:
		putInsight(&event, &to, f)
	}
	event.Attributes = tapio.Attributes(to)
	return event
}

// IsFinding reports whether a record carries a finding, by its name.
func IsFinding(event *tapio.Event) bool {
	switch event.Name {
	case tapio.CorrelationEvent, tapio.SemanticGroupEvent, tapio.InsightEvent:
		return true
	default:
		return false
	}
}

// FindingFromEvent reads the finding that a record carries. It is nil for a
// record of another name, or one without a finding's id. Fields that are missing
// or of another type are empty.
func FindingFromEvent(event *tapio.Event) tapio.Finding {
	from := known(event.Attributes)
	identity := tapio.FindingIdentity{
		ID:       from.text(findingID),
		Revision: from.count(findingRevision),
		Time:     event.Time,
	}
	if identity.ID == "" {
		return nil
	}
	switch event.Name {
	case tapio.CorrelationEvent:
		return correlationFrom(event, from, identity)
	case tapio.SemanticGroupEvent:
		return groupFrom(event, from, identity)
	case tapio.InsightEvent:
		return insightFrom(event, from, identity)
	default:
		return nil
	}
}

// putServices writes the services, and the first of them under the name by which
// every back end finds the records of a service.
func (f *fields) services(list []string) {
	if len(list) > 0 {
		f.text(serviceName, list[0])
	}
	f.texts(findingServices, list)
}

func (f *fields) timeRange(r tapio.TimeRange) {
	f.count(findingStart, uint64(r.Start))
	f.count(findingEnd, uint64(r.End))
}

func (k known) timeRange() tapio.TimeRange {
	return tapio.TimeRange{Start: tapio.Nanos(k.count(findingStart)), End: tapio.Nanos(k.count(findingEnd))}
}

func setSeverity(event *tapio.Event, severity tapio.Severity) {
	if severity == tapio.SeverityUnspecified {
		return
	}
	event.SeverityNumber = int32(severity-1)*4 + 1
	event.SeverityText = severityTexts()[severity]
}

func severityTexts() []string {
	return []string{"", "TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"}
}

const (
	correlationType  = "tapio.correlation.type"
	correlationScore = "tapio.correlation.score"
	correlationRule  = "tapio.correlation.rule"
)

func putCorrelation(event *tapio.Event, to *fields, c *tapio.Correlation) {
	event.Body = body(c.Explanation)
	setSeverity(event, tapio.SeverityInfo)
	to.text(tapio.GroupIDKey, c.GroupID)
	putEnum(to, correlationType, correlationTypes(), c.Type)
	to.text(correlationRule, c.Rule)
	to.number(correlationScore, c.Score)
	to.number(findingConfidence, c.Confidence)
	to.timeRange(c.Range)
	to.services(servicesOf(c.Entities))
	putList(to, findingEntities, c.Entities, entityValue)
	putList(to, findingEvidence, c.Members, evidenceValue)
}

func correlationFrom(event *tapio.Event, from known, identity tapio.FindingIdentity) *tapio.Correlation {
	return &tapio.Correlation{
		FindingIdentity: identity,
		Type:            getEnum[tapio.CorrelationType](from, correlationType, correlationTypes()),
		Score:           from.number(correlationScore),
		Confidence:      from.number(findingConfidence),
		Members:         recordsOf(from, findingEvidence, evidenceFrom),
		Entities:        recordsOf(from, findingEntities, entityFrom),
		Range:           from.timeRange(),
		Rule:            from.text(correlationRule),
		Explanation:     event.Body.Str(),
		GroupID:         from.text(tapio.GroupIDKey),
	}
}

const (
	insightAudience = "tapio.insight.audience"
	insightTitle    = "tapio.insight.title"
	insightDuration = "tapio.insight.duration"
	insightFigures  = "tapio.insight.key_figures"
)

func putInsight(event *tapio.Event, to *fields, i *tapio.Insight) {
	event.Body = body(i.Text)
	setSeverity(event, i.Severity)
	to.text(tapio.GroupIDKey, i.GroupID)
	to.text(insightTitle, i.Title)
	putEnum(to, insightAudience, audiences(), i.Audience)
	to.number(findingConfidence, i.Confidence)
	to.count(insightDuration, uint64(i.Duration))
	to.services(i.Services)
	putList(to, insightFigures, i.KeyFigures, figureValue)
	putList(to, findingActions, i.Actions, actionValue)
	putList(to, findingEvidence, i.Evidence, evidenceValue)
}

func insightFrom(event *tapio.Event, from known, identity tapio.FindingIdentity) *tapio.Insight {
	return &tapio.Insight{
		FindingIdentity: identity,
		GroupID:         from.text(tapio.GroupIDKey),
		Audience:        getEnum[tapio.InsightAudience](from, insightAudience, audiences()),
		Title:           from.text(insightTitle),
		Text:            event.Body.Str(),
		Severity:        event.Severity(),
		Confidence:      from.number(findingConfidence),
		Services:        from.texts(findingServices),
		Actions:         recordsOf(from, findingActions, actionFrom),
		KeyFigures:      recordsOf(from, insightFigures, figureFrom),
		Evidence:        recordsOf(from, findingEvidence, evidenceFrom),
		Duration:        tapio.Nanos(from.count(insightDuration)),
	}
}

func body(text string) tapio.Value {
	if text == "" {
		return tapio.Value{}
	}
	return tapio.StringValue(text)
}
