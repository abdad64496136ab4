// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package remote

import (
	"context"
	"sync"

	"google.golang.org/protobuf/proto"

	"github.com/tapio/tapio/internal/backend/working"
	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/protoconv"
)

// listOf reads a page of a list.
func listOf[Message, Item any](
	request proto.Message, messages []Message, token string, read func(Message) (Item, error),
) (list model.List[Item], err error) {
	for _, message := range messages {
		item, err := read(message)
		if err != nil {
			return list, malformed(err)
		}
		list.Items = append(list.Items, item)
	}
	list.Next, err = protoconv.ListPlaceOf(request, token)
	return list, malformed(err)
}

// ListServices implements query.Discoverer.
func (r *Reader) ListServices(ctx context.Context, q model.ServiceQuery) (model.List[model.Service], error) {
	request := protoconv.ServicesRequest(&q)
	response, err := call(ctx, r, request, r.records.ListServices)
	if err != nil {
		return model.List[model.Service]{}, err
	}
	return listOf(request, response.GetServices(), response.GetNextPageToken(), protoconv.ServiceOf)
}

// ListOperations implements query.Discoverer.
func (r *Reader) ListOperations(ctx context.Context, q model.OperationQuery) (model.List[model.Operation], error) {
	request := protoconv.OperationsRequest(&q)
	response, err := call(ctx, r, request, r.records.ListOperations)
	if err != nil {
		return model.List[model.Operation]{}, err
	}
	return listOf(request, response.GetOperations(), response.GetNextPageToken(), protoconv.OperationOf)
}

// ListMetrics implements query.Discoverer.
func (r *Reader) ListMetrics(ctx context.Context, q model.MetricQuery) (model.List[model.MetricInfo], error) {
	request := protoconv.MetricsRequest(&q)
	response, err := call(ctx, r, request, r.records.ListMetrics)
	if err != nil {
		return model.List[model.MetricInfo]{}, err
	}
	return listOf(request, response.GetMetrics(), response.GetNextPageToken(), protoconv.MetricOf)
}

// ListLabels implements query.Discoverer.
func (r *Reader) ListLabels(ctx context.Context, q model.LabelQuery) (model.List[model.LabelInfo], error) {
	request := protoconv.LabelsRequest(&q)
	response, err := call(ctx, r, request, r.records.ListLabels)
	if err != nil {
		return model.List[model.LabelInfo]{}, err
	}
	return listOf(request, response.GetLabels(), response.GetNextPageToken(), protoconv.LabelOf)
}

// ListLabelValues implements query.Discoverer.
func (r *Reader) ListLabelValues(ctx context.Context, q model.LabelQuery) (model.List[model.LabelValue], error) {
	request := protoconv.LabelValuesRequest(&q)
	response, err := call(ctx, r, request, r.records.ListLabelValues)
	if err != nil {
		return model.List[model.LabelValue]{}, err
	}
	return listOf(request, response.GetValues(), response.GetNextPageToken(), protoconv.LabelValueOf)
}

// CountRecords implements query.Discoverer.
func (r *Reader) CountRecords(ctx context.Context, q model.CountQuery) (model.Counts, error) {
	response, err := call(ctx, r, protoconv.CountRequest(&q), r.records.CountRecords)
	if err != nil {
		return model.Counts{}, err
	}
	return protoconv.CountsOf(response), nil
}

// GetFacets implements query.Discoverer.
func (r *Reader) GetFacets(ctx context.Context, q model.FacetQuery) (model.Facets, error) {
	response, err := call(ctx, r, protoconv.FacetsRequest(&q), r.records.GetFacets)
	if err != nil {
		return model.Facets{}, err
	}
	return protoconv.FacetsOf(response), nil
}

// CompareAttributes implements query.Discoverer.
func (r *Reader) CompareAttributes(ctx context.Context, q model.CompareQuery) (model.Comparison, error) {
	response, err := call(ctx, r, protoconv.CompareRequest(&q), r.records.CompareAttributes)
	if err != nil {
		return model.Comparison{}, err
	}
	return protoconv.ComparisonOf(response), nil
}

// GetServiceGraph implements query.Discoverer.
func (r *Reader) GetServiceGraph(ctx context.Context, q model.GraphQuery) (model.ServiceGraph, error) {
	response, err := call(ctx, r, protoconv.GraphRequest(&q), r.records.GetServiceGraph)
	if err != nil {
		return model.ServiceGraph{}, err
	}
	graph, err := protoconv.GraphOf(response)
	return graph, malformed(err)
}

// CountCalls implements query.Discoverer. It reads the spans of the range.
func (r *Reader) CountCalls(ctx context.Context, times model.TimeRange) (model.CallCounts, error) {
	set := working.New(r.QueryMemory)
	defer set.Close()
	truncated, err := set.ReadSpans(ctx, r, working.WithParents(times), &sync.Mutex{})
	if err != nil {
		return model.CallCounts{}, err
	}
	counts, err := set.Reader().CountCalls(ctx, times)
	counts.Truncated = counts.Truncated || truncated
	return counts, err
}

// GetChanges implements query.Discoverer.
func (r *Reader) GetChanges(ctx context.Context, q model.ChangeQuery) (page model.Page[model.Change], err error) {
	request := protoconv.ChangesRequest(&q)
	response, err := call(ctx, r, request, r.records.GetChanges)
	if err != nil {
		return page, err
	}
	page.Rows = protoconv.ChangesOf(response.GetChanges())
	page.Next, err = protoconv.CursorOf(request, response.GetNextPageToken())
	return page, malformed(err)
}
