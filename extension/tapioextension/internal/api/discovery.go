// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"

	"github.com/tapio/tapio/extension/tapioextension/internal/servicelist"
	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/protoconv"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// ListServices implements tapiov1.ObservabilityServiceServer.
func (s *observabilityService) ListServices(
	ctx context.Context, req *tapiov1.ListServicesRequest,
) (*tapiov1.ListServicesResponse, error) {
	query, err := protoconv.ListServicesQuery(req, s.now())
	if err != nil {
		return nil, err
	}
	list, err := servicelist.List(ctx, s.store, query)
	if err != nil {
		return nil, err
	}
	return &tapiov1.ListServicesResponse{
		Services: converted(list.Items, serviceMessage(req.GetIncludeDurationBuckets())), NextPageToken: protoconv.ListToken(req, list.Next),
	}, nil
}

// converted makes messages of the items of an answer.
func converted[Item, Message any](items []Item, message func(*Item) *Message) []*Message {
	list := make([]*Message, len(items))
	for i := range items {
		list[i] = message(&items[i])
	}
	return list
}

// ListOperations implements tapiov1.ObservabilityServiceServer.
func (s *observabilityService) ListOperations(
	ctx context.Context, req *tapiov1.ListOperationsRequest,
) (*tapiov1.ListOperationsResponse, error) {
	query, err := protoconv.ListOperationsQuery(req, s.now())
	if err != nil {
		return nil, err
	}
	list, err := s.store.ListOperations(ctx, query)
	if err != nil {
		return nil, err
	}
	return &tapiov1.ListOperationsResponse{
		Operations: converted(list.Items, operationMessage(req.GetIncludeDurationBuckets())), NextPageToken: protoconv.ListToken(req, list.Next),
	}, nil
}

// ListMetrics implements tapiov1.ObservabilityServiceServer.
func (s *observabilityService) ListMetrics(
	ctx context.Context, req *tapiov1.ListMetricsRequest,
) (*tapiov1.ListMetricsResponse, error) {
	query, err := protoconv.ListMetricsQuery(req, s.now())
	if err != nil {
		return nil, err
	}
	list, err := s.store.ListMetrics(ctx, query)
	if err != nil {
		return nil, err
	}
	return &tapiov1.ListMetricsResponse{
		Metrics: converted(list.Items, protoconv.MetricDescription), NextPageToken: protoconv.ListToken(req, list.Next),
	}, nil
}

// ListLabels implements tapiov1.ObservabilityServiceServer.
func (s *observabilityService) ListLabels(ctx context.Context, req *tapiov1.ListLabelsRequest) (*tapiov1.ListLabelsResponse, error) {
	query, err := protoconv.ListLabelsQuery(req, s.now())
	if err != nil {
		return nil, err
	}
	list, err := s.store.ListLabels(ctx, query)
	if err != nil {
		return nil, err
	}
	return &tapiov1.ListLabelsResponse{
		Labels: converted(list.Items, protoconv.Label), NextPageToken: protoconv.ListToken(req, list.Next),
	}, nil
}

// ListLabelValues implements tapiov1.ObservabilityServiceServer.
func (s *observabilityService) ListLabelValues(
	ctx context.Context, req *tapiov1.ListLabelValuesRequest,
) (*tapiov1.ListLabelValuesResponse, error) {
	query, err := protoconv.ListLabelValuesQuery(req, s.now())
	if err != nil {
		return nil, err
	}
	list, err := s.store.ListLabelValues(ctx, query)
	if err != nil {
		return nil, err
	}
	return &tapiov1.ListLabelValuesResponse{
		Values: converted(list.Items, protoconv.LabelValue), NextPageToken: protoconv.ListToken(req, list.Next),
	}, nil
}

// CountRecords implements tapiov1.ObservabilityServiceServer.
func (s *observabilityService) CountRecords(
	ctx context.Context, req *tapiov1.CountRecordsRequest,
) (*tapiov1.CountRecordsResponse, error) {
	query, err := protoconv.CountRecordsQuery(req, s.now())
	if err != nil {
		return nil, err
	}
	counts, err := s.store.CountRecords(ctx, query)
	if err != nil {
		return nil, err
	}
	return protoconv.Counts(&counts), nil
}

// GetFacets implements tapiov1.ObservabilityServiceServer.
func (s *observabilityService) GetFacets(ctx context.Context, req *tapiov1.GetFacetsRequest) (*tapiov1.GetFacetsResponse, error) {
	query, err := protoconv.GetFacetsQuery(req, s.now())
	if err != nil {
		return nil, err
	}
	facets, err := s.store.GetFacets(ctx, query)
	if err != nil {
		return nil, err
	}
	return protoconv.Facets(&facets), nil
}

// CompareAttributes implements tapiov1.ObservabilityServiceServer.
func (s *observabilityService) CompareAttributes(
	ctx context.Context, req *tapiov1.CompareAttributesRequest,
) (*tapiov1.CompareAttributesResponse, error) {
	query, err := protoconv.CompareAttributesQuery(req, s.now())
	if err != nil {
		return nil, err
	}
	comparison, err := s.store.CompareAttributes(ctx, query)
	if err != nil {
		return nil, err
	}
	return protoconv.Comparison(&comparison), nil
}

// GetServiceGraph implements tapiov1.ObservabilityServiceServer.
func (s *observabilityService) GetServiceGraph(
	ctx context.Context, req *tapiov1.GetServiceGraphRequest,
) (*tapiov1.GetServiceGraphResponse, error) {
	query, err := protoconv.GetServiceGraphQuery(req, s.now())
	if err != nil {
		return nil, err
	}
	graph, err := s.store.GetServiceGraph(ctx, query)
	if err != nil {
		return nil, err
	}
	return protoconv.ServiceGraph(&graph), nil
}

// GetChanges implements tapiov1.ObservabilityServiceServer.
func (s *observabilityService) GetChanges(ctx context.Context, req *tapiov1.GetChangesRequest) (*tapiov1.GetChangesResponse, error) {
	query, err := protoconv.GetChangesQuery(req, s.now())
	if err != nil {
		return nil, err
	}
	page, err := s.store.GetChanges(ctx, query)
	if err != nil {
		return nil, err
	}
	return &tapiov1.GetChangesResponse{
		Changes: converted(page.Rows, protoconv.ObservedChange), NextPageToken: protoconv.PageToken(req, page.Next),
	}, nil
}

func serviceMessage(buckets bool) func(*model.Service) *tapiov1.Service {
	if buckets {
		return protoconv.ServiceWithBuckets
	}
	return protoconv.Service
}

func operationMessage(buckets bool) func(*model.Operation) *tapiov1.Operation {
	if buckets {
		return protoconv.OperationWithBuckets
	}
	return protoconv.Operation
}
