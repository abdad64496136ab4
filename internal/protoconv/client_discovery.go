// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package protoconv

import (
	tracev1 "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/tapio/tapio/internal/model"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

func listFilter(f *model.Filter, paging model.ListPaging) *tapiov1.Filter {
	out := FilterRequest(f)
	out.Limit = uint32(min(max(paging.Limit, 1), listLimits().most))
	return out
}

func listOrder(paging model.ListPaging) tapiov1.ListOrder {
	if paging.ByCount {
		return tapiov1.ListOrder_LIST_ORDER_COUNT
	}
	return tapiov1.ListOrder_LIST_ORDER_UNSPECIFIED
}

// ServicesRequest asks for services, with all that is needed to put those of several
// servers together.
func ServicesRequest(q *model.ServiceQuery) *tapiov1.ListServicesRequest {
	req := &tapiov1.ListServicesRequest{Filter: listFilter(&q.Filter, q.Paging), Order: listOrder(q.Paging), IncludeDurationBuckets: true}
	req.Filter.PageToken = ListToken(req, q.Paging.After)
	return req
}

// OperationsRequest asks for operations, likewise.
func OperationsRequest(q *model.OperationQuery) *tapiov1.ListOperationsRequest {
	req := &tapiov1.ListOperationsRequest{
		Filter: listFilter(unnamed(q.Filter), q.Paging), Order: listOrder(q.Paging), IncludeDurationBuckets: true,
		Kinds: enumsOf[tracev1.Span_SpanKind](q.Kinds),
	}
	req.Filter.PageToken = ListToken(req, q.Paging.After)
	return req
}

// MetricsRequest asks which metrics there are.
func MetricsRequest(q *model.MetricQuery) *tapiov1.ListMetricsRequest {
	req := &tapiov1.ListMetricsRequest{Filter: listFilter(unnamed(q.Filter), q.Paging), Order: listOrder(q.Paging), MetricNames: q.Names}
	req.Filter.PageToken = ListToken(req, q.Paging.After)
	return req
}

// LabelsRequest asks which labels there are.
func LabelsRequest(q *model.LabelQuery) *tapiov1.ListLabelsRequest {
	req := &tapiov1.ListLabelsRequest{
		Signal: tapiov1.Signal(q.Signal), Filter: labelFilter(q), MetricNames: q.Metrics, Prefix: q.Prefix, Order: listOrder(q.Paging),
	}
	req.Filter.PageToken = ListToken(req, q.Paging.After)
	return req
}

// LabelValuesRequest asks for the values of a label.
func LabelValuesRequest(q *model.LabelQuery) *tapiov1.ListLabelValuesRequest {
	req := &tapiov1.ListLabelValuesRequest{
		Label:  q.Label,
		Signal: tapiov1.Signal(q.Signal), Filter: labelFilter(q), MetricNames: q.Metrics, Prefix: q.Prefix, Order: listOrder(q.Paging),
	}
	req.Filter.PageToken = ListToken(req, q.Paging.After)
	return req
}

func labelFilter(q *model.LabelQuery) *tapiov1.Filter {
	if q.Signal == model.SignalTraces || q.Signal == model.SignalMetrics {
		return listFilter(unnamed(q.Filter), q.Paging)
	}
	return listFilter(&q.Filter, q.Paging)
}

func selectionRequest(s *model.RecordSelection) *tapiov1.RecordSelection {
	out := &tapiov1.RecordSelection{Signal: tapiov1.Signal(s.Signal)}
	if s.Signal != model.SignalTraces {
		out.Filter, out.ExcludeEvents, out.TraceId = FilterRequest(&s.Filter), s.Kind == model.LogsOnly, idText(s.TraceID)
		return out
	}
	out.Filter, out.Operations = FilterRequest(unnamed(s.Filter)), s.Operations
	if s.MinDuration > 0 {
		out.MinDuration = durationpb.New(s.MinDuration)
	}
	if s.MaxDuration > 0 {
		out.MaxDuration = durationpb.New(s.MaxDuration)
	}
	out.StatusCodes, out.Kinds = enumsOf[tracev1.Status_StatusCode](s.StatusCodes), enumsOf[tracev1.Span_SpanKind](s.Kinds)
	return out
}

// maxAnswerItems is the most groups, values and differences that can be asked for.
const maxAnswerItems = 1_000

func itemsRequest(n int) uint32 { return uint32(min(max(n, 1), maxAnswerItems)) }

// CountRequest asks for counts over time.
func CountRequest(q *model.CountQuery) *tapiov1.CountRecordsRequest {
	req := &tapiov1.CountRecordsRequest{Selection: selectionRequest(&q.Selection), GroupBy: q.GroupBy, Limit: itemsRequest(q.Limit)}
	if q.Resolution != 0 {
		req.Resolution = durationpb.New(q.Resolution)
	}
	return req
}

// FacetsRequest asks for the most frequent values of labels.
func FacetsRequest(q *model.FacetQuery) *tapiov1.GetFacetsRequest {
	return &tapiov1.GetFacetsRequest{
		Selection: selectionRequest(&q.Selection), Labels: q.Labels, Limit: itemsRequest(q.Limit), MaxLabels: itemsRequest(q.MaxLabels),
	}
}

// CompareRequest asks which values differ between a selection and its baseline.
func CompareRequest(q *model.CompareQuery) *tapiov1.CompareAttributesRequest {
	return &tapiov1.CompareAttributesRequest{
		Selection: selectionRequest(&q.Selection), Baseline: selectionRequest(&q.Baseline), Labels: q.Labels, Limit: itemsRequest(q.Limit),
		IncludeEqual: q.Equal,
	}
}

// GraphRequest asks for the calls between services.
func GraphRequest(q *model.GraphQuery) *tapiov1.GetServiceGraphRequest {
	f := FilterRequest(unnamed(q.Filter))
	f.Limit = uint32(min(max(q.Limit, 1), graphLimits().most))
	return &tapiov1.GetServiceGraphRequest{Filter: f}
}

// ChangesRequest asks for changes.
func ChangesRequest(q *model.ChangeQuery) *tapiov1.GetChangesRequest {
	req := &tapiov1.GetChangesRequest{Filter: pagedFilter(unnamed(q.Filter), q.Paging, listLimits())}
	for _, kind := range q.Types {
		req.Types = append(req.Types, tapiov1.ObservedChange_Type(kind))
	}
	req.Filter.PageToken = PageToken(req, q.Paging.After)
	return req
}
