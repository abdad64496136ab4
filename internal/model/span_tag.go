// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package model

import (
	"slices"
	"strings"

	"github.com/tapio/tapio/internal/semconv"
)

// SpanTag is a condition on one span in the terms of a trace search as Jaeger has
// it: the key is looked up among the attributes of the span, its events, its scope
// and its resource, and among the tags that Jaeger derives from the span itself.
type SpanTag struct{ Key, Value string }

// The values that the status of a span has as a tag.
const (
	statusOKTag    = "OK"
	statusErrorTag = "ERROR"
	statusOK       = 1
)

// Match reports whether the span has the tag.
func (t *SpanTag) Match(s *Span) bool {
	if derived, known := t.matchDerived(s); known && derived {
		return true
	}
	if key, ok := strings.CutPrefix(t.Key, "resource."); ok && t.among(key, s.Resource.Attributes) {
		return true
	}
	return t.among(t.Key, s.Attributes) || t.among(t.Key, s.Scope.Attributes) || t.among(t.Key, s.Resource.Attributes) ||
		slices.ContainsFunc(s.Events, func(e SpanEvent) bool { return t.amongEvent(&e) })
}

func (t *SpanTag) amongEvent(e *SpanEvent) bool {
	return t.among(t.Key, e.Attributes) || t.Key == "event" && t.Value == e.Name
}

func (t *SpanTag) among(key string, attributes Attributes) bool {
	return slices.ContainsFunc(attributes, func(kv KeyValue) bool { return kv.Key == key && kv.Value.Text() == t.Value })
}

// matchDerived compares with what is no attribute: kind, status and scope; known
// is false for every other key.
func (t *SpanTag) matchDerived(s *Span) (matches, known bool) {
	switch t.Key {
	case "error":
		failed := s.StatusCode == StatusError
		return t.Value == "true" && failed || t.Value == "false" && !failed, true
	case "span.kind":
		return SpanKindName(s.Kind) == strings.ToLower(t.Value) && t.Value != "", true
	case semconv.OtelStatusCode, "span.status":
		return statusTag(s.StatusCode) == strings.ToUpper(t.Value) && t.Value != "", true
	case semconv.OtelStatusDescription:
		return t.Value != "" && t.Value == s.StatusMessage, true
	case semconv.OtelScopeName, "scope.name":
		return t.Value != "" && t.Value == s.Scope.Name, true
	case semconv.OtelScopeVersion, "scope.version":
		return t.Value != "" && t.Value == s.Scope.Version, true
	case "w3c.tracestate":
		return t.Value != "" && t.Value == s.TraceState, true
	default:
		return false, false
	}
}

func statusTag(code int32) string {
	switch code {
	case statusOK:
		return statusOKTag
	case StatusError:
		return statusErrorTag
	default:
		return ""
	}
}

// SpanKindName returns the kind of a span in lower case, "" for one that is
// unspecified.
func SpanKindName(kind int32) string {
	names := [...]string{"", "internal", "server", "client", "producer", "consumer"}
	if kind < 0 || int(kind) >= len(names) {
		return ""
	}
	return names[kind]
}
