// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"fmt"
	"math"
	"math/rand/v2"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/xpdata"
	"go.opentelemetry.io/collector/pdata/xpdata/entity"
)

// maker makes pdata of random shape and content. Resources, scopes and metrics
// differ from each other and hold at least one record, so that the way through
// the words and back leads to the same bytes.
type maker struct {
	*rand.Rand
	made int
}

func newMaker(seed uint64) *maker { return &maker{Rand: rand.New(rand.NewPCG(seed, 17))} }

// some returns 0 to 3.
func (m *maker) some() int { return m.IntN(4) }

func (m *maker) text() string {
	m.made++
	return [...]string{"", "ä", fmt.Sprint("text-", m.made), "\xff\x00"}[m.IntN(4)]
}

func (m *maker) unique() string {
	m.made++
	return fmt.Sprint("unique-", m.made)
}

func (m *maker) float() float64 {
	return [...]float64{0, math.Copysign(0, -1), math.Inf(1), math.NaN(), m.NormFloat64()}[m.IntN(5)]
}

func (m *maker) time() pcommon.Timestamp { return pcommon.Timestamp(m.Uint64() >> m.IntN(64)) }

func (m *maker) traceID() (id pcommon.TraceID) {
	for i := range m.IntN(2) * len(id) {
		id[i] = byte(m.Uint32())
	}
	return id
}

func (m *maker) spanID() (id pcommon.SpanID) {
	for i := range m.IntN(2) * len(id) {
		id[i] = byte(m.Uint32())
	}
	return id
}

func (m *maker) floats() []float64 {
	list := make([]float64, m.some())
	for i := range list {
		list[i] = m.float()
	}
	return list
}

func (m *maker) counts() []uint64 {
	list := make([]uint64, m.some())
	for i := range list {
		list[i] = m.Uint64()
	}
	return list
}

// fillMap may write a key twice, as a sender may.
func (m *maker) fillMap(to pcommon.Map, depth int) {
	var builder xpdata.MapBuilder
	for range m.some() {
		m.fillValue(builder.AppendEmpty(m.text()), depth)
	}
	builder.UnsafeIntoMap(to)
}

func (m *maker) fillValue(to pcommon.Value, depth int) {
	kinds := 8
	if depth == 0 {
		kinds = 6
	}
	switch m.IntN(kinds) {
	case 0: // stays empty
	case 1:
		to.SetStr(m.text())
	case 2:
		to.SetInt(int64(m.Uint64()))
	case 3:
		to.SetDouble(m.float())
	case 4:
		to.SetBool(m.IntN(2) == 0)
	case 5:
		to.SetEmptyBytes().FromRaw([]byte(m.text()))
	case 6:
		list := to.SetEmptySlice()
		for range m.some() {
			m.fillValue(list.AppendEmpty(), depth-1)
		}
	case 7:
		m.fillMap(to.SetEmptyMap(), depth-1)
	}
}

func (m *maker) attributes(to pcommon.Map) { m.fillMap(to, 3) }

func (m *maker) resource(to pcommon.Resource) {
	m.attributes(to.Attributes())
	to.Attributes().PutStr("service.name", m.unique())
	to.SetDroppedAttributesCount(m.Uint32())
	for range m.some() {
		ref := entity.ResourceEntityRefs(to).AppendEmpty()
		ref.SetType(m.text())
		ref.SetSchemaUrl(m.text())
		ref.IdKeys().FromRaw([]string{m.text(), m.text()}[m.IntN(3):])
		ref.DescriptionKeys().FromRaw([]string{m.text(), m.text()}[m.IntN(3):])
	}
}

func (m *maker) scope(to pcommon.InstrumentationScope) {
	to.SetName(m.unique())
	to.SetVersion(m.text())
	m.attributes(to.Attributes())
	to.SetDroppedAttributesCount(m.Uint32())
}

func (m *maker) logs() plog.Logs {
	logs := plog.NewLogs()
	for range m.some() {
		ofResource := logs.ResourceLogs().AppendEmpty()
		m.resource(ofResource.Resource())
		ofResource.SetSchemaUrl(m.text())
		for range 1 + m.some() {
			ofScope := ofResource.ScopeLogs().AppendEmpty()
			m.scope(ofScope.Scope())
			ofScope.SetSchemaUrl(m.text())
			for range 1 + m.some() {
				m.record(ofScope.LogRecords().AppendEmpty())
			}
		}
	}
	return logs
}

func (m *maker) record(to plog.LogRecord) {
	to.SetTimestamp(m.time())
	to.SetObservedTimestamp(m.time())
	to.SetSeverityNumber(plog.SeverityNumber(m.Int32()))
	to.SetSeverityText(m.text())
	to.SetEventName(m.text())
	m.fillValue(to.Body(), 4)
	m.attributes(to.Attributes())
	to.SetTraceID(m.traceID())
	to.SetSpanID(m.spanID())
	to.SetFlags(plog.LogRecordFlags(m.Uint32()))
	to.SetDroppedAttributesCount(m.Uint32())
}

func (m *maker) traces() ptrace.Traces {
	traces := ptrace.NewTraces()
	for range m.some() {
		ofResource := traces.ResourceSpans().AppendEmpty()
		m.resource(ofResource.Resource())
		ofResource.SetSchemaUrl(m.text())
		for range 1 + m.some() {
			ofScope := ofResource.ScopeSpans().AppendEmpty()
			m.scope(ofScope.Scope())
			ofScope.SetSchemaUrl(m.text())
			for range 1 + m.some() {
				m.span(ofScope.Spans().AppendEmpty())
			}
		}
	}
	return traces
}

func (m *maker) span(to ptrace.Span) {
	to.SetTraceID(m.traceID())
	to.SetSpanID(m.spanID())
	to.SetParentSpanID(m.spanID())
	to.TraceState().FromRaw(m.text())
	to.SetFlags(m.Uint32())
	to.SetName(m.text())
	to.SetKind(ptrace.SpanKind(m.Int32()))
	to.SetStartTimestamp(m.time())
	to.SetEndTimestamp(m.time())
	m.attributes(to.Attributes())
	to.SetDroppedAttributesCount(m.Uint32())
	to.SetDroppedEventsCount(m.Uint32())
	to.SetDroppedLinksCount(m.Uint32())
	to.Status().SetCode(ptrace.StatusCode(m.Int32()))
	to.Status().SetMessage(m.text())
	for range m.some() {
		event := to.Events().AppendEmpty()
		event.SetName(m.text())
		event.SetTimestamp(m.time())
		m.attributes(event.Attributes())
		event.SetDroppedAttributesCount(m.Uint32())
	}
	for range m.some() {
		link := to.Links().AppendEmpty()
		link.SetTraceID(m.traceID())
		link.SetSpanID(m.spanID())
		link.TraceState().FromRaw(m.text())
		m.attributes(link.Attributes())
		link.SetFlags(m.Uint32())
		link.SetDroppedAttributesCount(m.Uint32())
	}
}

func (m *maker) metrics() pmetric.Metrics {
	metrics := pmetric.NewMetrics()
	for range m.some() {
		ofResource := metrics.ResourceMetrics().AppendEmpty()
		m.resource(ofResource.Resource())
		ofResource.SetSchemaUrl(m.text())
		for range 1 + m.some() {
			ofScope := ofResource.ScopeMetrics().AppendEmpty()
			m.scope(ofScope.Scope())
			ofScope.SetSchemaUrl(m.text())
			for range 1 + m.some() {
				m.metric(ofScope.Metrics().AppendEmpty())
			}
		}
	}
	return metrics
}
