// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/tapio/tapio/internal/model"
)

// SetSpan puts records that have no trace id of their own under a span.
func SetSpan(logs plog.Logs, span model.SpanRef) {
	for _, resource := range logs.ResourceLogs().All() {
		for _, scope := range resource.ScopeLogs().All() {
			for _, record := range scope.LogRecords().All() {
				if record.TraceID().IsEmpty() {
					record.SetTraceID(pcommon.TraceID(span.TraceID))
					record.SetSpanID(pcommon.SpanID(span.SpanID))
					record.SetFlags(plog.LogRecordFlags(span.Flags))
				}
			}
		}
	}
}
