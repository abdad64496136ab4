// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package model

import "github.com/tapio/tapio/internal/semconv"

// Event names of findings: a finding is stored and sent as a log record.
const (
	CorrelationEvent   = semconv.EventCorrelation
	SemanticGroupEvent = semconv.EventSemanticGroup
	InsightEvent       = semconv.EventInsight
)

// GroupIDKey is the attribute that ties a record to the group it belongs to.
const GroupIDKey = semconv.GroupID

// Finding is what the engine has found out: a *Correlation, a *SemanticGroup or
// an *Insight, and nothing else. An updated finding is a further one with the
// same id and a higher revision.
type Finding interface {
	// EventName is the name of the record that carries it.
	EventName() string
	// Identity returns what all findings have.
	Identity() FindingIdentity
	// Touches returns what it is about.
	Touches() Touched
}

// FindingIdentity is what distinguishes findings and their updates.
type FindingIdentity struct {
	// ID is unique among the findings of its kind, and stable over updates.
	ID string
	// Revision counts the updates, from 1.
	Revision uint64
	// Time is the event time at which this revision was made.
	Time Nanos
}

// EvidenceKind is what kind of record an EvidenceRef points at.
type EvidenceKind uint8

// The kinds of evidence.
const (
	EvidenceUnspecified EvidenceKind = iota
	EvidenceEvent                    // ID is the record's id
	EvidenceSpan                     // ID is trace and span id in hex, joined by a colon
	EvidenceMetric                   // ID is name{key="value",...}
	EvidenceCorrelation              // ID is the correlation's
	EvidenceProfile                  // ID is the sample type and labels: type{key="value",...}
)

// EvidenceRef points at a record that supports a finding. The record may be
// gone already.
type EvidenceRef struct {
	Kind        EvidenceKind
	ID          string
	Time        Nanos
	Description string // one sentence on what it shows
}

// SpanEvidenceID names a span as EvidenceRef.ID does.
func SpanEvidenceID(trace TraceID, span SpanID) string {
	return trace.String() + ":" + span.String()
}

// CorrelationType is the kind of reasoning that joined records.
type CorrelationType uint8

// The kinds of correlation.
const (
	CorrelationUnspecified CorrelationType = iota
	CorrelationTemporal
	CorrelationCausal
	CorrelationSpatial
	CorrelationSemantic
	CorrelationStatistical
	CorrelationTraceContext
)

// Correlation joins records that belong together, and reports why.
type Correlation struct {
	FindingIdentity
	Type        CorrelationType
	Score       float64       // strength of the relation, 0 to 1
	Confidence  float64       // probability that it is real, 0 to 1
	Members     []EvidenceRef // the earliest first
	Entities    []Entity      // of a causal one, the cause first
	Range       TimeRange     // of the members
	Rule        string        // name of the rule that found it
	Explanation string        // one sentence with figures
	GroupID     string        // "" while it belongs to none
}

// EventName implements Finding.
func (*Correlation) EventName() string { return CorrelationEvent }

// Identity implements Finding.
func (c *Correlation) Identity() FindingIdentity { return c.FindingIdentity }

// InsightAudience is the group of people that an insight addresses.
type InsightAudience uint8

// The audiences.
const (
	AudienceEverybody InsightAudience = iota
	AudienceDeveloper
	AudienceSRE
	AudienceManager
)

// KeyFigure is a figure worth knowing.
type KeyFigure struct {
	Name  string
	Value string // with its unit
}

// Insight is a text for people: what happened and what to do.
type Insight struct {
	FindingIdentity
	GroupID    string
	Kind       GroupKind  // of the group
	State      GroupState // of the group
	Audience   InsightAudience
	Title      string // at most 120 characters
	Text       string // a few plain sentences
	Severity   Severity
	Confidence float64 // 0 to 1
	Services   []string
	Actions    []RecommendedAction
	KeyFigures []KeyFigure
	Evidence   []EvidenceRef
	Duration   Nanos // how long the matter has lasted
}

// EventName implements Finding.
func (*Insight) EventName() string { return InsightEvent }

// Identity implements Finding.
func (i *Insight) Identity() FindingIdentity { return i.FindingIdentity }
