// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package protoconv

import (
	tracev1 "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/tapio/tapio/internal/model"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// FilterRequest is the filter as a client asks for it.
func FilterRequest(f *model.Filter) *tapiov1.Filter {
	out := &tapiov1.Filter{
		MinSeverity: tapiov1.Severity(f.MinSeverity), EventNames: f.EventNames, Services: f.Services, Namespaces: f.Namespaces,
		Text: f.Text, Invert: f.Invert, TimeRange: timeRangeRequest(f.Time),
	}
	for _, severity := range f.Severities {
		out.Severities = append(out.Severities, tapiov1.Severity(severity))
	}
	for i := range f.Selectors {
		s := &f.Selectors[i]
		out.LabelSelectors = append(out.LabelSelectors, &tapiov1.Filter_LabelSelector{Key: s.Key.Name(), Operator: string(s.Op), Values: s.Values})
	}
	return out
}

func timeRangeRequest(r model.TimeRange) *tapiov1.TimeRange {
	if r == (model.TimeRange{}) {
		return nil
	}
	return &tapiov1.TimeRange{Start: timestamp(r.Start), End: timestamp(r.End)}
}

// pagedFilter is the filter of a request for one page; its token is set once the
// request is complete.
func pagedFilter(f *model.Filter, paging model.Paging, bounds limits) *tapiov1.Filter {
	out := FilterRequest(f)
	out.Limit, out.Ascending = uint32(min(max(paging.Limit, 1), bounds.most)), paging.Ascending
	return out
}

// unnamed leaves out conditions that are for log records only and have no meaning for
// other signals.
func unnamed(f model.Filter) *model.Filter {
	f.Severities, f.MinSeverity, f.EventNames = nil, model.SeverityUnspecified, nil
	return &f
}

// LogsRequest asks for the log records of a query.
func LogsRequest(q *model.EventQuery) *tapiov1.GetLogsRequest {
	req := &tapiov1.GetLogsRequest{
		Filter: pagedFilter(&q.Filter, q.Paging, recordLimits()), ExcludeEvents: q.Kind == model.LogsOnly, TraceId: idText(q.TraceID),
	}
	req.Filter.PageToken = PageToken(req, q.Paging.After)
	return req
}

func idText(id model.TraceID) string {
	if id.IsZero() {
		return ""
	}
	return id.String()
}

// EventsRequest asks for the events of a query, whatever trace they are of.
func EventsRequest(q *model.EventQuery) *tapiov1.GetEventsRequest {
	req := &tapiov1.GetEventsRequest{Filter: pagedFilter(&q.Filter, q.Paging, recordLimits())}
	req.Filter.PageToken = PageToken(req, q.Paging.After)
	return req
}

// StreamLogsRequest follows the log records of a query.
func StreamLogsRequest(q *model.EventQuery, start model.Start) *tapiov1.StreamLogsRequest {
	return &tapiov1.StreamLogsRequest{
		Filter: FilterRequest(&q.Filter), Start: startRequest(start), ExcludeEvents: q.Kind == model.LogsOnly,
		HistoryOnly: q.Filter.Time != (model.TimeRange{}), ReportPosition: true,
	}
}

func startRequest(s model.Start) *tapiov1.StreamStart {
	switch {
	case s.Resume:
		return &tapiov1.StreamStart{Position: &tapiov1.StreamStart_AfterSequence{AfterSequence: s.After}}
	case s.Last > 0:
		return &tapiov1.StreamStart{Position: &tapiov1.StreamStart_Last{Last: uint32(min(s.Last, maxStartLast))}}
	case s.Since > 0:
		return &tapiov1.StreamStart{Position: &tapiov1.StreamStart_SinceTime{SinceTime: timestamp(s.Since)}}
	default:
		return nil
	}
}

func traceQueryRequest(q *model.TraceQuery) *tapiov1.TraceQuery {
	out := &tapiov1.TraceQuery{Operations: q.Operations}
	for _, id := range q.TraceIDs {
		out.TraceIds = append(out.TraceIds, id.String())
	}
	if q.MinDuration > 0 {
		out.MinDuration = durationpb.New(q.MinDuration)
	}
	if q.MaxDuration > 0 {
		out.MaxDuration = durationpb.New(q.MaxDuration)
	}
	out.StatusCodes, out.Kinds = enumsOf[tracev1.Status_StatusCode](q.StatusCodes), enumsOf[tracev1.Span_SpanKind](q.Kinds)
	for _, tag := range q.Tags {
		out.Tags = append(out.Tags, &tapiov1.SpanTag{Key: tag.Key, Value: tag.Value})
	}
	return out
}

func enumsOf[E, N ~int32](numbers []N) []E {
	var list []E
	for _, n := range numbers {
		list = append(list, E(n))
	}
	return list
}

// TracesRequest asks for the traces of a query.
func TracesRequest(q *model.TraceQuery) *tapiov1.GetTracesRequest {
	req := &tapiov1.GetTracesRequest{Query: traceQueryRequest(q)}
	if len(q.TraceIDs) > 0 { // they alone select
		req.Query.Filter = &tapiov1.Filter{Limit: uint32(min(max(q.Paging.Limit, 1), traceLimits().most))}
	} else {
		req.Query.Filter = pagedFilter(unnamed(q.Filter), q.Paging, traceLimits())
	}
	req.Query.Filter.PageToken = PageToken(req, q.Paging.After)
	return req
}

// StreamTracesRequest follows the spans of a query.
func StreamTracesRequest(q *model.TraceQuery, start model.Start) *tapiov1.StreamTracesRequest {
	req := &tapiov1.StreamTracesRequest{Query: traceQueryRequest(q), Start: startRequest(start), ReportPosition: true}
	if len(q.TraceIDs) == 0 {
		req.Query.Filter = FilterRequest(unnamed(q.Filter))
		req.HistoryOnly = q.Filter.Time != (model.TimeRange{})
	}
	return req
}

// PointsRequest asks for the points of a query.
func PointsRequest(q *model.PointQuery) *tapiov1.GetMetricsRequest {
	req := &tapiov1.GetMetricsRequest{Query: &tapiov1.MetricQuery{
		MetricNames: q.Names, Filter: pagedFilter(unnamed(q.Filter), q.Paging, recordLimits()),
	}}
	req.Query.Filter.PageToken = PageToken(req, q.Paging.After)
	return req
}

// StreamPointsRequest follows the points of a query.
func StreamPointsRequest(q *model.PointQuery, start model.Start) *tapiov1.StreamMetricsRequest {
	return &tapiov1.StreamMetricsRequest{
		Query: &tapiov1.MetricQuery{MetricNames: q.Names, Filter: FilterRequest(unnamed(q.Filter))},
		Start: startRequest(start), HistoryOnly: q.Filter.Time != (model.TimeRange{}), ReportPosition: true,
	}
}

// AggregateRequest asks for the series of a query.
func AggregateRequest(q *model.AggregateQuery) *tapiov1.GetMetricsRequest {
	query := &tapiov1.MetricQuery{
		MetricNames: q.Names, Filter: pagedFilter(unnamed(q.Filter), model.Paging{Limit: q.Limit}, recordLimits()),
		Aggregation: tapiov1.MetricQuery_AggregationType(q.Aggregation),
	}
	for i := range q.GroupBy {
		query.GroupBy = append(query.GroupBy, q.GroupBy[i].Name())
	}
	if q.Resolution != 0 {
		query.Resolution = durationpb.New(q.Resolution)
	}
	return &tapiov1.GetMetricsRequest{Query: query}
}
