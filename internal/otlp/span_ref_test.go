// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/tapio/tapio/internal/model"
)

func TestSpanOfRecordsWithoutIDs(t *testing.T) {
	logs := plog.NewLogs()
	records := logs.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
	records.AppendEmpty()
	own := pcommon.TraceID{9}
	records.AppendEmpty().SetTraceID(own)
	SetSpan(logs, model.SpanRef{TraceID: model.TraceID{1}, SpanID: model.SpanID{2}, Flags: 1})
	assert.Equal(t, pcommon.TraceID{1}, records.At(0).TraceID())
	assert.Equal(t, pcommon.SpanID{2}, records.At(0).SpanID())
	assert.True(t, records.At(0).Flags().IsSampled())
	assert.Equal(t, own, records.At(1).TraceID())
	assert.True(t, records.At(1).SpanID().IsEmpty())
}
