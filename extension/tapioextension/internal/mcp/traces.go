// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package mcp

import (
	"context"
	"slices"
	"time"

	"github.com/tapio/tapio/internal/model"
)

type queryTracesInput struct {
	Since       string            `json:"since,omitempty" jsonschema:"begin of the time range: RFC 3339, or how long ago such as 15m, 2h or 1d; 1h by default"`
	Until       string            `json:"until,omitempty" jsonschema:"end of the time range, in the same forms; now by default"`
	Services    []string          `json:"services,omitempty" jsonschema:"only traces with a span of one of these services that meets the other conditions"`
	Operation   string            `json:"operation,omitempty" jsonschema:"name of a span, exact or a prefix with a trailing *"`
	OnlyErrors  bool              `json:"only_errors,omitempty" jsonschema:"only spans with status error"`
	MinDuration string            `json:"min_duration,omitempty" jsonschema:"only spans that take at least so long, such as 250ms"`
	MaxDuration string            `json:"max_duration,omitempty" jsonschema:"only spans that take at most so long, such as 2s"`
	Attributes  map[string]string `json:"attributes,omitempty" jsonschema:"only spans with these attributes of span or resource, by name and exact value"`
	Limit       int               `json:"limit,omitempty" jsonschema:"most traces to return, 1 to 200; 20 by default"`
}

type traceText struct {
	ID         string         `json:"trace_id"`
	Root       string         `json:"root_operation"`
	Service    string         `json:"root_service"`
	Began      string         `json:"began"`
	DurationMS float64        `json:"duration_ms"`
	Spans      int            `json:"spans"`
	Errors     int            `json:"error_spans"`
	Services   map[string]int `json:"spans_by_service"`
}

// traceBytes bounds the spans that are read for one answer.
const traceBytes = 16 << 20

func (s *server) queryTraces(ctx context.Context, in *queryTracesInput) (*answer, error) {
	query, err := s.traceQuery(in)
	if err != nil {
		return nil, err
	}
	if query.Paging.Limit, err = limit(in.Limit, 20, 200); err != nil {
		return nil, err
	}
	page, err := s.Reader.QueryTraces(ctx, query)
	if err != nil {
		return nil, err
	}
	found := &answer{
		from: query.Filter.Time.Start, to: query.Filter.Time.End, more: !page.Next.IsZero(),
		hint: "request a shorter time range, only_errors, a min_duration, services or an operation",
	}
	list := make([]traceText, len(page.Rows))
	for i := range page.Rows {
		list[i] = summarizeTrace(&page.Rows[i])
	}
	found.add("traces", listOf(list)...)
	return found, nil
}

func (s *server) traceQuery(in *queryTracesInput) (query model.TraceQuery, err error) {
	times, err := s.timeRange(in.Since, in.Until)
	if err != nil {
		return query, err
	}
	if query.Filter, err = filter(times, in.Services, "", in.Attributes); err != nil {
		return query, err
	}
	if in.Operation != "" {
		query.Operations = []string{in.Operation}
	}
	if in.OnlyErrors {
		query.StatusCodes = []int32{model.StatusError}
	}
	if query.MinDuration, err = durationField("min_duration", in.MinDuration); err != nil {
		return query, err
	}
	query.MaxDuration, err = durationField("max_duration", in.MaxDuration)
	query.Paging = model.Paging{MaxBytes: traceBytes}
	return query, err
}

// summarizeTrace describes a trace, which has at least one span.
func summarizeTrace(t *model.Trace) traceText {
	text := traceText{ID: t.ID.String(), Spans: len(t.Spans), Services: map[string]int{}}
	root, ids := &t.Spans[0], map[model.SpanID]bool{}
	first, last := root.Start, root.End
	for i := range t.Spans {
		ids[t.Spans[i].SpanID] = true
	}
	rooted := false
	for i := range t.Spans {
		span := &t.Spans[i]
		first, last = min(first, span.Start), max(last, span.End)
		if span.StatusCode == model.StatusError {
			text.Errors++
		}
		if service := span.Resource.Service(); text.Services[service] > 0 || len(text.Services) < maxNamedServices {
			text.Services[service]++
		}
		if !rooted && !ids[span.ParentID] {
			root, rooted = span, true
		}
	}
	text.Root, text.Service, text.Began = root.Name, root.Resource.Service(), timeText(first)
	text.DurationMS = milliseconds(last - min(first, last))
	return text
}

func milliseconds(d model.Nanos) float64 { return float64(d/1000) / 1000 }

type getTraceInput struct {
	ID         string `json:"trace_id" jsonschema:"id of a trace, 32 hex digits"`
	OnlyErrors bool   `json:"only_errors,omitempty" jsonschema:"only failed spans and their ancestors, for a large trace"`
	Service    string `json:"service,omitempty" jsonschema:"only spans of this service, for a large trace"`
}

// spanText is a span within its trace.
type spanText struct {
	Depth      int               `json:"depth"`
	SpanID     string            `json:"span_id"`
	ParentID   string            `json:"parent_span_id,omitempty"`
	Service    string            `json:"service"`
	Operation  string            `json:"operation"`
	Kind       string            `json:"kind,omitempty"`
	OffsetMS   float64           `json:"offset_ms"` // from the begin of the trace
	DurationMS float64           `json:"duration_ms"`
	SelfMS     float64           `json:"self_ms"` // without the time of its children
	Error      bool              `json:"error,omitempty"`
	Status     string            `json:"status_message,omitempty"`
	Attributes map[string]string `json:"attributes,omitempty"`
	Events     []spanEventText   `json:"events,omitempty"`
}

type spanEventText struct {
	Name       string            `json:"name"`
	OffsetMS   float64           `json:"offset_ms"`
	Attributes map[string]string `json:"attributes,omitempty"`
}

// maxSpanEvents is how many events of a span are shown.
const maxSpanEvents = 5

func (s *server) getTrace(ctx context.Context, in *getTraceInput) (*answer, error) {
	trace, err := s.trace(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	logs, err := s.Reader.QueryEvents(ctx, model.EventQuery{
		TraceID: trace.ID, Paging: model.Paging{Limit: maxTraceLogs, MaxBytes: logBytes, Ascending: true},
	})
	if err != nil {
		return nil, err
	}
	return traceAnswer(trace, logs.Rows, in.OnlyErrors, in.Service), nil
}

// maxTraceLogs is how many log records a trace comes with.
const maxTraceLogs = 50

func traceAnswer(trace *model.Trace, logs []model.Event, onlyErrors bool, service string) *answer {
	found := &answer{hint: "request only_errors or for the spans of one service"}
	found.set("trace", summarizeTrace(trace))
	found.add("spans", listOf(treeOf(trace, onlyErrors, service))...)
	list := make([]logText, len(logs))
	for i := range logs {
		list[i] = logOf(&logs[i], false)
	}
	found.add("logs", listOf(list)...)
	return found
}

// trace returns one trace.
func (s *server) trace(ctx context.Context, text string) (*model.Trace, error) {
	id, err := traceID(text)
	if err != nil {
		return nil, err
	}
	page, err := s.Reader.QueryTraces(ctx, model.TraceQuery{TraceIDs: []model.TraceID{id}, Paging: model.Paging{Limit: 1}})
	if err != nil {
		return nil, err
	}
	if len(page.Rows) == 0 || len(page.Rows[0].Spans) == 0 {
		return nil, model.InvalidField("trace_id", "no span of trace %s is stored: it was evicted, or the id is wrong", id)
	}
	return &page.Rows[0], nil
}

// treeOf puts the spans of a trace in the order of the tree.
func treeOf(trace *model.Trace, onlyErrors bool, service string) []spanText {
	spans := trace.Spans
	at := make(map[model.SpanID]int, len(spans))
	for i := range spans {
		at[spans[i].SpanID] = i
	}
	children, roots := map[int][]int{}, []int(nil)
	for i := range spans {
		if parent, found := at[spans[i].ParentID]; found && parent != i {
			children[parent] = append(children[parent], i)
		} else {
			roots = append(roots, i)
		}
	}
	failed := failedPaths(spans, at)
	var list []spanText
	type place struct{ span, depth int }
	pending := []place(nil)
	for _, root := range slices.Backward(roots) {
		pending = append(pending, place{root, 0})
	}
	for len(pending) > 0 {
		next := pending[len(pending)-1]
		pending = pending[:len(pending)-1]
		span := &spans[next.span]
		if (!onlyErrors || failed[next.span]) && (service == "" || span.Resource.Service() == service) {
			list = append(list, spanOf(span, next.depth, spans[0].Start, busy(spans, children[next.span])))
		}
		for _, child := range slices.Backward(children[next.span]) {
			pending = append(pending, place{child, next.depth + 1})
		}
	}
	return list
}

// failedPaths marks failed spans and their ancestors.
func failedPaths(spans []model.Span, at map[model.SpanID]int) map[int]bool {
	failed := map[int]bool{}
	for i := range spans {
		if spans[i].StatusCode != model.StatusError {
			continue
		}
		for j, found := i, true; found && !failed[j]; {
			failed[j] = true
			j, found = at[spans[j].ParentID]
		}
	}
	return failed
}

// busy is the time during which at least one of the spans, in the order of their
// start, runs.
func busy(spans []model.Span, of []int) (total model.Nanos) {
	var until model.Nanos
	for _, i := range of {
		from := max(spans[i].Start, until)
		if spans[i].End > from {
			total += spans[i].End - from
			until = spans[i].End
		}
	}
	return total
}

func spanOf(span *model.Span, depth int, begin, below model.Nanos) spanText {
	text := spanText{
		Depth: depth, SpanID: span.SpanID.String(), Service: span.Resource.Service(), Operation: short(span.Name, attributeBytes),
		Kind: model.SpanKindName(span.Kind), OffsetMS: offset(span.Start, begin), DurationMS: milliseconds(span.Duration()),
		SelfMS: milliseconds(span.Duration() - min(below, span.Duration())),
		Error:  span.StatusCode == model.StatusError, Status: short(span.StatusMessage, bodyBytes), Attributes: attributesOf(span.Attributes),
	}
	if !span.ParentID.IsZero() {
		text.ParentID = span.ParentID.String()
	}
	for i := range span.Events[:min(len(span.Events), maxSpanEvents)] {
		event := &span.Events[i]
		text.Events = append(text.Events, spanEventText{short(event.Name, attributeBytes), offset(event.Time, begin), attributesOf(event.Attributes)})
	}
	return text
}

func offset(t, begin model.Nanos) float64 {
	return float64(time.Duration(t-begin)/time.Microsecond) / 1000
}
