// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package jaeger

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/semconv"
)

// newUITrace converts the spans of a trace, at least one. Unless raw, they are
// adjusted as Jaeger does it for its UI.
func newUITrace(spans []model.Span, raw bool) *uiTrace {
	adjusted := sanitize(spans)
	if !raw {
		adjusted = adjustForUI(adjusted)
	}
	trace := &uiTrace{
		TraceID: traceIDText(spans[0].TraceID), Spans: make([]uiSpan, len(adjusted)), Processes: map[string]uiProcess{},
	}
	processes := map[string]string{} // ids by content
	for i := range adjusted {
		span, process := convertSpan(&adjusted[i], raw)
		content, _ := json.Marshal(process) // of strings, numbers and booleans
		id, known := processes[string(content)]
		if !known {
			id = "p" + strconv.Itoa(len(processes)+1)
			processes[string(content)] = id
			trace.Processes[id] = process
		}
		span.ProcessID = id
		trace.Spans[i] = span
	}
	return trace
}

func convertSpan(span *adjustedSpan, raw bool) (uiSpan, uiProcess) {
	converted := uiSpan{
		TraceID: traceIDText(span.TraceID), SpanID: span.SpanID.String(), OperationName: span.Name,
		References: references(&span.Span), StartTime: micros(span.Start), Duration: micros(span.Duration()),
		Tags: spanTags(&span.Span), Logs: logsOf(span.Events), Warnings: span.warnings,
	}
	process := processOf(span.Resource)
	if !raw {
		adjustTags(&converted, &process)
		adjustReferences(&converted)
	}
	return converted, process
}

func micros(t model.Nanos) uint64 { return uint64(t) / 1000 }

func processOf(resource *model.Resource) uiProcess {
	process := uiProcess{ServiceName: serviceOf(resource), Tags: []uiTag{}}
	for i := range resource.Attributes {
		if kv := &resource.Attributes[i]; kv.Key != semconv.ServiceName {
			process.Tags = append(process.Tags, tagOf(kv.Key, kv.Value))
		}
	}
	return process
}

// spanTags are the attributes of a span and what else OpenTelemetry's mapping to
// Jaeger puts into tags.
func spanTags(span *model.Span) []uiTag {
	var tags []uiTag
	add := func(key, value string) {
		if value != "" {
			tags = append(tags, stringTag(key, value))
		}
	}
	add(semconv.OtelScopeName, span.Scope.Name)
	add(semconv.OtelScopeVersion, span.Scope.Version)
	tags = append(tags, tagsOf(span.Attributes)...)
	add("span.kind", model.SpanKindName(span.Kind))
	switch span.StatusCode {
	case model.StatusError:
		add(semconv.OtelStatusCode, "ERROR")
		tags = append(tags, uiTag{"error", typeBool, true})
	case statusOK:
		add(semconv.OtelStatusCode, "OK")
	}
	add(semconv.OtelStatusDescription, span.StatusMessage)
	add("w3c.tracestate", span.TraceState)
	if tags == nil {
		return []uiTag{}
	}
	return tags
}

// statusOK is OTLP's status code of a span that is known to have succeeded.
const statusOK = 1

// logsOf are the events of a span; the name of one is the field "event", unless it
// has an attribute of that name.
func logsOf(events []model.SpanEvent) []uiLog {
	logs := make([]uiLog, len(events))
	for i := range events {
		event := &events[i]
		fields := []uiTag{}
		if _, named := event.Attributes.Get("event"); event.Name != "" && !named {
			fields = append(fields, stringTag("event", event.Name))
		}
		logs[i] = uiLog{Timestamp: micros(event.Time), Fields: append(fields, tagsOf(event.Attributes)...)}
	}
	return logs
}

// references are the parent of a span and its links. A link to the parent says how
// the span refers to it.
func references(span *model.Span) []uiReference {
	refs := []uiReference{}
	if !span.ParentID.IsZero() {
		refs = append(refs, uiReference{childOf, traceIDText(span.TraceID), span.ParentID.String()})
	}
	for i := range span.Links {
		link := &span.Links[i]
		ref := uiReference{refType(link), traceIDText(link.TraceID), link.SpanID.String()}
		if !span.ParentID.IsZero() && link.TraceID == span.TraceID && link.SpanID == span.ParentID {
			refs[0] = ref
			continue
		}
		refs = append(refs, ref)
	}
	return refs
}

func refType(link *model.SpanLink) string {
	if kind, _ := link.Attributes.Get("opentracing.ref_type"); kind.Text() == "child_of" {
		return childOf
	}
	return followsFrom
}

// libraryKey reports whether an attribute is of the SDK that made a span, which
// belongs to the process.
func libraryKey(key string) bool {
	switch key {
	case semconv.TelemetrySDKLanguage, semconv.TelemetrySDKName, semconv.TelemetrySDKVersion, semconv.TelemetryDistroName, semconv.TelemetryDistroVersion:
		return true
	default:
		return false
	}
}

// adjustTags sorts tags, writes addresses as text, and moves those of the SDK to
// the process.
func adjustTags(span *uiSpan, process *uiProcess) {
	for i := range span.Logs {
		sortFields(span.Logs[i].Fields)
	}
	addressTags(span.Tags)
	addressTags(process.Tags)
	kept := []uiTag{}
	sortTags(span.Tags)
	for _, tag := range span.Tags {
		if libraryKey(tag.Key) {
			process.Tags = append(process.Tags, tag)
		} else {
			kept = append(kept, tag)
		}
	}
	span.Tags = kept
	sortTags(process.Tags)
}

// sortFields puts the field "event" first.
func sortFields(fields []uiTag) {
	at := slices.IndexFunc(fields, func(f uiTag) bool { return f.Key == "event" && f.Type == typeString })
	if at >= 0 {
		fields[0], fields[at] = fields[at], fields[0]
		fields = fields[1:]
	}
	sortTags(fields)
}

// addressTags writes IPv4 addresses that are numbers as text.
func addressTags(tags []uiTag) {
	for i, tag := range tags {
		if tag.Key != "ip" && tag.Key != semconv.PeerIpv4 {
			continue
		}
		switch value := tag.Value.(type) {
		case int64:
			tags[i] = stringTag(tag.Key, addressText(uint32(value)))
		case float64:
			tags[i] = stringTag(tag.Key, addressText(uint32(value)))
		}
	}
}

func addressText(address uint32) string {
	return fmt.Sprintf("%d.%d.%d.%d", address>>24, address>>16&0xff, address>>8&0xff, address&0xff)
}

// invalidReference is what Jaeger says, which prints its own structure.
const invalidReference = "Invalid span reference removed {TraceID:%s SpanID:%s RefType:%s XXX_NoUnkeyedLiteral:{} XXX_unrecognized:[] XXX_sizecache:0}"

// uiParent is the span that the UI puts a span under: the first one of the trace
// that it is a child of or, without any, the first that it follows from.
func uiParent(span *model.Span) model.SpanID {
	if len(span.Links) == 0 {
		return span.ParentID
	}
	refs, trace := references(span), traceIDText(span.TraceID)
	for _, kind := range []string{childOf, followsFrom} {
		for _, ref := range refs {
			if ref.RefType == kind && ref.TraceID == trace {
				return spanIDOf(ref.SpanID)
			}
		}
	}
	return model.SpanID{}
}

// adjustReferences removes references to no trace and puts that to the parent
// first.
func adjustReferences(span *uiSpan) {
	valid := []uiReference{}
	for _, ref := range span.References {
		if ref.TraceID == traceIDText(model.TraceID{}) {
			span.Warnings = append(span.Warnings, fmt.Sprintf(invalidReference,
				ref.TraceID, ref.SpanID, ref.RefType))
			continue
		}
		valid = append(valid, ref)
	}
	span.References = valid
	first := slices.IndexFunc(valid, func(r uiReference) bool { return r.TraceID == span.TraceID && r.RefType == childOf })
	if first < 0 {
		first = slices.IndexFunc(valid, func(r uiReference) bool { return r.TraceID == span.TraceID })
	}
	if first > 0 {
		valid[0], valid[first] = valid[first], valid[0]
	}
}
