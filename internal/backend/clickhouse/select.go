// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"strconv"
	"strings"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/semconv"
)

// events returns the conditions of a query for log records.
func (s *conditions) events(f *source, q *model.EventQuery) []string {
	conditions := s.filter(f, &q.Filter)
	switch q.Kind {
	case model.LogsOnly:
		conditions = append(conditions, f.name+" = ''")
	case model.EventsOnly:
		conditions = append(conditions, f.name+" != ''")
	case model.LogsAndEvents:
	}
	if !q.TraceID.IsZero() {
		conditions = append(conditions, "TraceId = "+s.text(q.TraceID.String()))
	}
	return conditions
}

// spans returns the conditions of a query for traces on one span.
func (s *conditions) spans(f *source, q *model.TraceQuery) []string {
	if len(q.TraceIDs) > 0 {
		return []string{s.ofTraces(q.TraceIDs)}
	}
	conditions := s.filter(f, &q.Filter)
	if q.MinDuration > 0 {
		conditions = append(conditions, "Duration >= "+s.unsigned(uint64(q.MinDuration)), "Duration < "+backwards)
	}
	if q.MaxDuration > 0 {
		conditions = append(conditions, "(Duration <= "+s.unsigned(uint64(q.MaxDuration))+" OR Duration >= "+backwards+")")
	}
	if len(q.StatusCodes) > 0 {
		conditions = append(conditions, statusCode+" IN "+integers(q.StatusCodes))
	}
	if len(q.Kinds) > 0 {
		conditions = append(conditions, spanKind+" IN "+integers(q.Kinds))
	}
	conditions = append(conditions, s.names(f.name, q.Operations)...)
	for _, tag := range q.Tags {
		conditions = append(conditions, s.tag(f, &tag))
	}
	return conditions
}

// backwards is the least duration of a span that ends before it starts: the exporter's
// subtraction wraps around.
const backwards = "9223372036854775808"

// took is an expression for the duration of a span, as model.Span.Duration.
const took = "if(Duration < " + backwards + ", Duration, 0)"

// ofTraces selects the spans of traces.
func (s *conditions) ofTraces(ids []model.TraceID) string {
	texts := make([]string, len(ids))
	for i, id := range ids {
		texts[i] = id.String()
	}
	return "TraceId IN " + s.texts(texts)
}

// Expressions for the numbers of OTLP. Exporters before v0.100 wrote other texts.
const (
	statusCode = "transform(StatusCode, ['Ok', 'Error', 'STATUS_CODE_OK', 'STATUS_CODE_ERROR'], [1, 2, 1, 2], 0)"
	spanKind   = "transform(SpanKind, ['Internal', 'Server', 'Client', 'Producer', 'Consumer', 'SPAN_KIND_INTERNAL', 'SPAN_KIND_SERVER', " +
		"'SPAN_KIND_CLIENT', 'SPAN_KIND_PRODUCER', 'SPAN_KIND_CONSUMER'], [1, 2, 3, 4, 5, 1, 2, 3, 4, 5], 0)"
	statusName = "transform(" + statusCode + ", [1, 2], ['ok', 'error'], 'unset')"
	kindName   = "transform(" + spanKind + ", [1, 2, 3, 4, 5], ['internal', 'server', 'client', 'producer', 'consumer'], 'unspecified')"
)

func integers(list []int32) string {
	texts := make([]string, len(list))
	for i, n := range list {
		texts[i] = strconv.Itoa(int(n))
	}
	return "(" + strings.Join(texts, ", ") + ")"
}

// tag returns the condition of a tag, as model.SpanTag.Match.
func (s *conditions) tag(f *source, tag *model.SpanTag) string {
	value := s.text(tag.Value)
	in := func(m, key string) string {
		return "(mapContains(" + m + ", " + key + ") AND " + m + "[" + key + "] = " + value + ")"
	}
	key := s.text(tag.Key)
	conditions := []string{in(f.record, key), in(f.resource, key)}
	conditions = append(conditions, "arrayExists(m -> "+in("m", key)+", Events.Attributes)")
	if tag.Key == "event" {
		conditions = append(conditions, "has(Events.Name, "+value+")")
	}
	if name, ok := strings.CutPrefix(tag.Key, "resource."); ok {
		conditions = append(conditions, in(f.resource, s.text(name)))
	}
	if derived := s.derivedTag(tag, value); derived != "" {
		conditions = append(conditions, derived)
	}
	return anyOf(conditions)
}

// derivedTag returns the condition of a tag that is no attribute, "" for any other.
func (s *conditions) derivedTag(tag *model.SpanTag, value string) string {
	column := ""
	switch tag.Key {
	case "error":
		switch tag.Value {
		case "true":
			return statusCode + " = 2"
		case "false":
			return statusCode + " != 2"
		}
		return ""
	case "span.kind":
		if tag.Value == "" {
			return ""
		}
		return "(" + spanKind + " != 0 AND " + kindName + " = lower(" + value + "))"
	case semconv.OtelStatusCode, "span.status":
		if tag.Value == "" {
			return ""
		}
		return "transform(" + statusCode + ", [1, 2], ['OK', 'ERROR'], '') = upper(" + value + ")"
	case semconv.OtelStatusDescription:
		column = "StatusMessage"
	case semconv.OtelScopeName, "scope.name":
		column = "ScopeName"
	case semconv.OtelScopeVersion, "scope.version":
		column = "ScopeVersion"
	case "w3c.tracestate":
		column = "TraceState"
	}
	if column == "" || tag.Value == "" {
		return ""
	}
	return column + " = " + value
}

// points returns the conditions of a query for points.
func (s *conditions) points(f *source, names []string, filter *model.Filter) []string {
	return append(s.filter(f, filter), s.names(f.name, names)...)
}
