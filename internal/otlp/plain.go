// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/xpdata"
)

// pdata's decoder allocates each key of each record again and grows each list of
// attributes step by step: half of what a payload costs. Records in a row have
// the same attributes in the same places, and often the same texts in them, so
// plainReader looks at the record before. It reads payloads as senders write
// them, with single values only, and gives up on all others; these go to pdata
// whole, so that there is one opinion on what is right.

// plainReader reads one payload. The zero value is ready.
type plainReader struct {
	builder xpdata.MapBuilder
	// What stood there in the message of the same kind before.
	ofResource, ofScope, ofRecord []place
	body, severity, name          string
}

// place is an attribute by its position.
type place struct{ key, text string }

// plainLogs reads a payload; ok is false where pdata must.
func plainLogs(payload []byte) (logs plog.Logs, ok bool) {
	var r plainReader
	logs = plog.NewLogs()
	for len(payload) > 0 {
		tag, _, content, rest := readField(payload)
		if rest == nil || tag != resourceLogsTag || !r.resourceLogs(content, logs.ResourceLogs().AppendEmpty()) {
			return logs, false
		}
		payload = rest
	}
	return logs, true
}

func (r *plainReader) resourceLogs(raw []byte, to plog.ResourceLogs) bool {
	for seen := false; len(raw) > 0; {
		tag, _, content, rest := readField(raw)
		ok := rest != nil
		switch tag {
		case originTag:
			ok = ok && !seen && r.resource(content, to.Resource()) // two would have to be merged
			seen = true
		case itemsTag:
			ok = ok && r.scopeLogs(content, to.ScopeLogs().AppendEmpty())
		case schemaURLTag:
			to.SetSchemaUrl(string(content))
		default:
			ok = false
		}
		if !ok {
			return false
		}
		raw = rest
	}
	return true
}

func (r *plainReader) resource(raw []byte, to pcommon.Resource) bool {
	n := 0
	for len(raw) > 0 {
		tag, word, content, rest := readField(raw)
		ok := rest != nil
		switch tag {
		case resourceAttributesTag:
			ok = ok && r.attribute(content, &r.ofResource, n)
			n++
		case resourceDroppedTag:
			to.SetDroppedAttributesCount(uint32(word))
		default:
			ok = false
		}
		if !ok {
			return false
		}
		raw = rest
	}
	r.putAttributes(to.Attributes(), n)
	return true
}

func (r *plainReader) scopeLogs(raw []byte, to plog.ScopeLogs) bool {
	for seen := false; len(raw) > 0; {
		tag, _, content, rest := readField(raw)
		ok := rest != nil
		switch tag {
		case originTag:
			ok = ok && !seen && r.scope(content, to.Scope())
			seen = true
		case itemsTag:
			ok = ok && r.record(content, to.LogRecords().AppendEmpty())
		case schemaURLTag:
			to.SetSchemaUrl(string(content))
		default:
			ok = false
		}
		if !ok {
			return false
		}
		raw = rest
	}
	return true
}

func (r *plainReader) scope(raw []byte, to pcommon.InstrumentationScope) bool {
	n := 0
	for len(raw) > 0 {
		tag, word, content, rest := readField(raw)
		ok := rest != nil
		switch tag {
		case scopeNameTag:
			to.SetName(string(content))
		case scopeVersionTag:
			to.SetVersion(string(content))
		case scopeAttributesTag:
			ok = ok && r.attribute(content, &r.ofScope, n)
			n++
		case scopeDroppedTag:
			to.SetDroppedAttributesCount(uint32(word))
		default:
			ok = false
		}
		if !ok {
			return false
		}
		raw = rest
	}
	r.putAttributes(to.Attributes(), n)
	return true
}

func (r *plainReader) record(raw []byte, to plog.LogRecord) bool {
	n := 0
	r.builder.EnsureCapacity(len(r.ofRecord))
	for len(raw) > 0 {
		tag, word, content, rest := readField(raw)
		ok := rest != nil
		if tag == attributesTag {
			ok = ok && r.attribute(content, &r.ofRecord, n)
			n++
		} else {
			ok = ok && r.recordField(tag, word, content, to)
		}
		if !ok {
			return false
		}
		raw = rest
	}
	r.ofRecord = r.ofRecord[:n] // a sender's largest record must not size all that follow
	r.putAttributes(to.Attributes(), n)
	return true
}

func (r *plainReader) recordField(tag, word uint64, content []byte, to plog.LogRecord) bool {
	switch tag {
	case timeTag:
		to.SetTimestamp(pcommon.Timestamp(word))
	case observedTag:
		to.SetObservedTimestamp(pcommon.Timestamp(word))
	case severityTag:
		to.SetSeverityNumber(plog.SeverityNumber(word))
	case severityTextTag:
		to.SetSeverityText(again(&r.severity, content))
	case bodyTag:
		return plainValue(content, to.Body(), &r.body)
	case droppedTag:
		to.SetDroppedAttributesCount(uint32(word))
	case flagsTag:
		to.SetFlags(plog.LogRecordFlags(word))
	case traceIDTag:
		var id pcommon.TraceID
		ok := isID(id[:], content)
		to.SetTraceID(id)
		return ok
	case spanIDTag:
		var id pcommon.SpanID
		ok := isID(id[:], content)
		to.SetSpanID(id)
		return ok
	case eventNameTag:
		to.SetEventName(again(&r.name, content))
	default:
		return false
	}
	return true
}

// attribute reads the attribute in the n-th place.
func (r *plainReader) attribute(raw []byte, places *[]place, n int) bool {
	key, content, ok := keyAndValue(raw)
	if !ok {
		return false
	}
	if n == len(*places) {
		*places = append(*places, place{})
	}
	at := &(*places)[n]
	return plainValue(content, r.builder.AppendEmpty(again(&at.key, key)), &at.text)
}

// putAttributes hands over the n attributes that were read.
func (r *plainReader) putAttributes(to pcommon.Map, n int) {
	if n > 0 {
		r.builder.UnsafeIntoMap(to)
	}
}
