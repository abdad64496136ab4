// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package nodesummaryconnector

import (
	"context"
	"os"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/tapio/tapio/internal/otlp"
	"github.com/tapio/tapio/internal/semconv"
)

// findings passes on the findings among log records, with the name of the node.
type findings struct {
	component.StartFunc
	component.ShutdownFunc
	node string
	next consumer.Logs
}

// Capabilities implements consumer.Logs: what goes on is a copy.
func (*findings) Capabilities() consumer.Capabilities {
	return consumer.Capabilities{MutatesData: false}
}

// ConsumeLogs implements consumer.Logs.
func (f *findings) ConsumeLogs(ctx context.Context, logs plog.Logs) error {
	found := plog.NewLogs()
	for _, ofResource := range logs.ResourceLogs().All() {
		to := plog.NewResourceLogs()
		for _, ofScope := range ofResource.ScopeLogs().All() {
			records := plog.NewScopeLogs()
			for _, record := range ofScope.LogRecords().All() {
				if otlp.IsFindingName(record.EventName()) {
					record.CopyTo(records.LogRecords().AppendEmpty())
				}
			}
			if records.LogRecords().Len() > 0 {
				ofScope.Scope().CopyTo(records.Scope())
				records.SetSchemaUrl(ofScope.SchemaUrl())
				records.MoveTo(to.ScopeLogs().AppendEmpty())
			}
		}
		if to.ScopeLogs().Len() > 0 {
			ofResource.Resource().CopyTo(to.Resource())
			to.SetSchemaUrl(ofResource.SchemaUrl())
			placeAt(to.Resource().Attributes(), f.node)
			to.MoveTo(found.ResourceLogs().AppendEmpty())
		}
	}
	if found.ResourceLogs().Len() == 0 {
		return nil
	}
	return f.next.ConsumeLogs(ctx, found)
}

// placeAt names the node of a resource that does not name it.
func placeAt(attributes pcommon.Map, node string) {
	for _, key := range [...]string{semconv.HostName, semconv.K8sNodeName} {
		if _, found := attributes.Get(key); found {
			return
		}
	}
	if node != "" {
		attributes.PutStr(semconv.HostName, node)
	}
}

// nodeName is the name that is configured, else that of the host.
func nodeName(config *Config) string {
	if config.Node != "" {
		return config.Node
	}
	name, _ := os.Hostname() // without one, the gateway knows the node by its services only
	return name
}
