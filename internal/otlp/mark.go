// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/semconv"
)

// templateKey is the attribute under which a record has the template that its
// body follows.
const templateKey = semconv.LogRecordTemplate

// Mark is what a record on its way through a pipeline is to be marked with. What is ""
// is left alone.
type Mark struct {
	Index    int    // of the record, in the order of EventsFromLogs or SpansFromTraces
	GroupID  string // replaces another
	UID      string // only for a record that has none
	Template string // only for a record that has none
}

// MarkLogs writes marks, which are in the order of their index, into records.
func MarkLogs(logs plog.Logs, marks []Mark) {
	first := 0 // index of the first record of the scope
	for _, ofResource := range logs.ResourceLogs().All() {
		for _, ofScope := range ofResource.ScopeLogs().All() {
			records := ofScope.LogRecords()
			for len(marks) > 0 && marks[0].Index < first+records.Len() {
				markRecord(records.At(marks[0].Index-first).Attributes(), &marks[0])
				marks = marks[1:]
			}
			first += records.Len()
		}
	}
}

func markRecord(attributes pcommon.Map, mark *Mark) {
	if mark.GroupID != "" {
		attributes.PutStr(model.GroupIDKey, mark.GroupID)
	}
	putIfAbsent(attributes, model.UIDKey, mark.UID)
	putIfAbsent(attributes, templateKey, mark.Template)
}

func putIfAbsent(attributes pcommon.Map, key, value string) {
	if value == "" {
		return
	}
	if _, found := attributes.Get(key); !found {
		attributes.PutStr(key, value)
	}
}

// MarkTraces writes the group of marks, which are in the order of their index,
// into spans.
func MarkTraces(traces ptrace.Traces, marks []Mark) {
	first := 0
	for _, ofResource := range traces.ResourceSpans().All() {
		for _, ofScope := range ofResource.ScopeSpans().All() {
			spans := ofScope.Spans()
			for len(marks) > 0 && marks[0].Index < first+spans.Len() {
				if group := marks[0].GroupID; group != "" {
					spans.At(marks[0].Index-first).Attributes().PutStr(model.GroupIDKey, group)
				}
				marks = marks[1:]
			}
			first += spans.Len()
		}
	}
}

// EventOfRecord reads one log record.
func EventOfRecord(resource pcommon.Resource, record plog.LogRecord) *model.Event {
	event := &model.Event{Resource: resourceFrom(resource, "")}
	readRecordHead(event, record)
	var attributes slab[model.KeyValue]
	attributes.room(record.Attributes().Len(), 0)
	readRecordRest(event, record, &attributes)
	return event
}

// MarkFindingOfNode marks the record of a finding that the engine of a node made, at a gateway
// whose engine reports the same: as part of the group into, or, where that is "", as one that
// needs no person yet.
func MarkFindingOfNode(record plog.LogRecord, into string) {
	attributes := record.Attributes()
	switch record.EventName() {
	case model.SemanticGroupEvent:
		if into != "" {
			attributes.PutStr(groupMergedInto, into)
		}
	case model.InsightEvent:
		if record.SeverityNumber() > plog.SeverityNumberInfo {
			record.SetSeverityNumber(plog.SeverityNumberInfo)
			record.SetSeverityText(severityTexts()[model.SeverityInfo])
		}
	default:
		return
	}
	if into != "" {
		attributes.PutStr(groupState, groupStates()[model.GroupMerged])
		return
	}
	attributes.PutStr(groupKind, groupKinds()[model.GroupObservation])
}
