// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package protoconv

import (
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/tapio/tapio/internal/model"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

const (
	maxLabels      = 100 // of facets and comparisons
	maxLabelBytes  = 256
	maxPrefixBytes = 256
)

func listLimits() limits  { return limits{unset: 100, most: 10_000} }
func graphLimits() limits { return limits{unset: 1_000, most: 10_000} }

// ListServicesQuery reads a query for services.
func ListServicesQuery(req *tapiov1.ListServicesRequest, now time.Time) (model.ServiceQuery, error) {
	var query model.ServiceQuery
	var err error
	if query.Filter, err = filter(req.GetFilter(), now); err != nil {
		return query, within("filter", err)
	}
	query.Paging, err = listPaging(req, req.GetFilter(), req.GetOrder())
	return query, err
}

// ListOperationsQuery reads a query for operations.
func ListOperationsQuery(req *tapiov1.ListOperationsRequest, now time.Time) (model.OperationQuery, error) {
	var query model.OperationQuery
	var err error
	if query.Filter, err = unnamedFilter(req.GetFilter(), now); err != nil {
		return query, within("filter", err)
	}
	if query.Kinds, err = enumNumbers("kinds", req.GetKinds()); err != nil {
		return query, err
	}
	query.Paging, err = listPaging(req, req.GetFilter(), req.GetOrder())
	return query, err
}

// ListMetricsQuery reads a query for metrics.
func ListMetricsQuery(req *tapiov1.ListMetricsRequest, now time.Time) (model.MetricQuery, error) {
	query := model.MetricQuery{Names: req.GetMetricNames()}
	err := atMost("metric_names", len(query.Names), maxMetricNames)
	if err != nil {
		return query, err
	}
	if query.Filter, err = unnamedFilter(req.GetFilter(), now); err != nil {
		return query, within("filter", err)
	}
	query.Paging, err = listPaging(req, req.GetFilter(), req.GetOrder())
	return query, err
}

// ListLabelsQuery reads a query for labels.
func ListLabelsQuery(req *tapiov1.ListLabelsRequest, now time.Time) (model.LabelQuery, error) {
	return labelQuery(req, "", now)
}

// ListLabelValuesQuery reads a query for the values of a label.
func ListLabelValuesQuery(req *tapiov1.ListLabelValuesRequest, now time.Time) (model.LabelQuery, error) {
	if err := checkLabel("label", req.GetLabel()); err != nil {
		return model.LabelQuery{}, err
	}
	return labelQuery(req, req.GetLabel(), now)
}

// labelRequest is what requests for labels and for their values have alike.
type labelRequest interface {
	proto.Message
	GetSignal() tapiov1.Signal
	GetFilter() *tapiov1.Filter
	GetMetricNames() []string
	GetPrefix() string
	GetOrder() tapiov1.ListOrder
}

func labelQuery(req labelRequest, label string, now time.Time) (model.LabelQuery, error) {
	query := model.LabelQuery{Signal: model.Signal(req.GetSignal()), Label: label, Prefix: req.GetPrefix(), Metrics: req.GetMetricNames()}
	if err := knownEnum("signal", req.GetSignal()); err != nil {
		return query, err
	}
	if n := len(query.Prefix); n > maxPrefixBytes {
		return query, model.InvalidField("prefix", "has %d bytes, the most is %d", n, maxPrefixBytes)
	}
	err := atMost("metric_names", len(query.Metrics), maxMetricNames)
	if err != nil {
		return query, err
	}
	if len(query.Metrics) > 0 && query.Signal != model.SignalMetrics && query.Signal != model.SignalUnspecified {
		return query, model.InvalidField("metric_names", "is for SIGNAL_METRICS only: leave it out")
	}
	if query.Signal == model.SignalTraces || query.Signal == model.SignalMetrics {
		query.Filter, err = unnamedFilter(req.GetFilter(), now)
	} else {
		query.Filter, err = filter(req.GetFilter(), now)
	}
	if err != nil {
		return query, within("filter", err)
	}
	query.Paging, err = listPaging(req, req.GetFilter(), req.GetOrder())
	return query, err
}

func checkLabel(field, label string) error {
	if label == "" || len(label) > maxLabelBytes {
		return model.InvalidField(field, "must have 1 to %d bytes, has %d", maxLabelBytes, len(label))
	}
	return nil
}

func checkLabels(labels []string) error {
	if err := atMost("labels", len(labels), maxLabels); err != nil {
		return err
	}
	for i, label := range labels {
		if err := checkLabel(indexed("labels", i), label); err != nil {
			return err
		}
	}
	return nil
}

// listPaging reads the page of a list.
func listPaging(req proto.Message, f *tapiov1.Filter, order tapiov1.ListOrder) (model.ListPaging, error) {
	if err := knownEnum("order", order); err != nil {
		return model.ListPaging{}, err
	}
	if f.GetAscending() {
		return model.ListPaging{}, model.InvalidField("filter.ascending", "must be unset: order sets the order of a list")
	}
	paging := model.ListPaging{MaxBytes: pageBytes, ByCount: order == tapiov1.ListOrder_LIST_ORDER_COUNT}
	var err error
	if paging.Limit, err = listLimits().of(f); err != nil {
		return paging, within("filter", err)
	}
	paging.After, err = listPlaceOf(req, f.GetPageToken())
	return paging, within("filter", err)
}

// GetServiceGraphQuery reads a query for the service graph.
func GetServiceGraphQuery(req *tapiov1.GetServiceGraphRequest, now time.Time) (model.GraphQuery, error) {
	var query model.GraphQuery
	f := req.GetFilter()
	err := notPaged(f)
	if err != nil {
		return query, within("filter", err)
	}
	if f.GetAscending() {
		return query, model.InvalidField("filter.ascending", "must be unset: a graph has no order")
	}
	if query.Filter, err = unnamedFilter(f, now); err != nil {
		return query, within("filter", err)
	}
	query.Limit, err = graphLimits().of(f)
	return query, within("filter", err)
}

// GetChangesQuery reads a query for changes.
func GetChangesQuery(req *tapiov1.GetChangesRequest, now time.Time) (model.ChangeQuery, error) {
	var query model.ChangeQuery
	f := req.GetFilter()
	var err error
	if query.Types, err = enums[model.ChangeType]("types", req.GetTypes()); err != nil {
		return query, err
	}
	if query.Filter, err = unnamedFilter(f, now); err != nil {
		return query, within("filter", err)
	}
	query.Paging, err = paging(req, f, listLimits())
	return query, within("filter", err)
}
