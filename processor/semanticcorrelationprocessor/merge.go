// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package semanticcorrelationprocessor

import (
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/otlp"
	"github.com/tapio/tapio/internal/semconv"
)

// mergeFindings shows the engine what other engines have found, and marks the records of that:
// as part of an incident of this engine, or as no incident yet. Until there is one, for some
// seconds, no one is paged; then this engine reports it.
func (e *engine) mergeFindings(logs plog.Logs) {
	own := e.outbox.identity()
	for _, ofResource := range logs.ResourceLogs().All() {
		for _, ofScope := range ofResource.ScopeLogs().All() {
			for _, record := range ofScope.LogRecords().All() {
				if name := record.EventName(); name != model.SemanticGroupEvent && name != model.InsightEvent {
					continue
				}
				event := otlp.EventOfRecord(ofResource.Resource(), record)
				if by, _ := event.Attributes.Get(semconv.FindingEngine); by.Str() != "" && by.Str() != own {
					otlp.MarkFindingOfNode(record, e.mergeFinding(event))
				}
			}
		}
	}
}

// mergeFinding shows the engine a finding, and returns the group that it is part of, "" for
// none yet.
func (e *engine) mergeFinding(event *model.Event) (into string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.think(func() {
		switch found := otlp.FindingFromEvent(event).(type) {
		case *model.SemanticGroup:
			e.thinking.ObserveGroup(found, nodeOf(event.Resource), event.UID())
			into = e.thinking.MergedInto(found.ID)
		case *model.Insight:
			into = e.thinking.MergedInto(found.GroupID)
		}
	})
	return into
}

// nodeOf names the node that sent a record, "" if that is not known.
func nodeOf(resource *model.Resource) string {
	for _, key := range [...]string{semconv.K8sNodeName, semconv.HostName} {
		if name, found := resource.Attributes.Get(key); found {
			return name.Str()
		}
	}
	return ""
}
