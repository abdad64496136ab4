// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package protoconv

import (
	"slices"

	commonv1 "go.opentelemetry.io/proto/otlp/common/v1"
	metricsv1 "go.opentelemetry.io/proto/otlp/metrics/v1"

	"github.com/tapio/tapio/internal/model"
)

// KeepPoints drops the points for which keep is false, and metrics and scopes
// that are empty then. It returns how many stay. keep gets the series of the
// point and its time.
func KeepPoints(in *metricsv1.ResourceMetrics, keep func(*model.Series, model.Nanos) bool) (kept int, err error) {
	resource, err := resourceFrom(in.GetResource(), in.GetSchemaUrl())
	if err != nil {
		return 0, err
	}
	for i, message := range in.GetScopeMetrics() {
		scope, err := scopeFrom(message.GetScope(), message.GetSchemaUrl())
		if err != nil {
			return 0, withinItem("scope_metrics", i, err)
		}
		k := pointKeeper{resource: resource, scope: scope, keep: keep}
		message.Metrics = slices.DeleteFunc(message.GetMetrics(), func(m *metricsv1.Metric) bool { return k.ofMetric(m) == 0 })
		if k.err != nil {
			return 0, withinItem("scope_metrics", i, k.err)
		}
		kept += k.kept
	}
	in.ScopeMetrics = slices.DeleteFunc(in.GetScopeMetrics(), func(s *metricsv1.ScopeMetrics) bool { return len(s.GetMetrics()) == 0 })
	return kept, nil
}

// pointKeeper keeps the points of one scope.
type pointKeeper struct {
	resource *model.Resource
	scope    *model.Scope
	keep     func(*model.Series, model.Nanos) bool
	kept     int
	err      error // the first
}

// ofMetric returns how many points of the metric stay.
func (k *pointKeeper) ofMetric(m *metricsv1.Metric) int {
	description := &model.Metric{Name: m.GetName(), Description: m.GetDescription(), Unit: m.GetUnit()}
	stays := 0
	switch data := m.GetData().(type) {
	case *metricsv1.Metric_Gauge:
		data.Gauge.DataPoints = keepOf(k, description, data.Gauge.GetDataPoints())
		stays = len(data.Gauge.DataPoints)
	case *metricsv1.Metric_Sum:
		data.Sum.DataPoints = keepOf(k, description, data.Sum.GetDataPoints())
		stays = len(data.Sum.DataPoints)
	case *metricsv1.Metric_Histogram:
		data.Histogram.DataPoints = keepOf(k, description, data.Histogram.GetDataPoints())
		stays = len(data.Histogram.DataPoints)
	case *metricsv1.Metric_ExponentialHistogram:
		data.ExponentialHistogram.DataPoints = keepOf(k, description, data.ExponentialHistogram.GetDataPoints())
		stays = len(data.ExponentialHistogram.DataPoints)
	case *metricsv1.Metric_Summary:
		data.Summary.DataPoints = keepOf(k, description, data.Summary.GetDataPoints())
		stays = len(data.Summary.DataPoints)
	}
	k.kept += stays
	return stays
}

// anyPoint is what the points of all types have in common.
type anyPoint interface {
	GetTimeUnixNano() uint64
	GetAttributes() []*commonv1.KeyValue
}

func keepOf[P anyPoint](k *pointKeeper, metric *model.Metric, points []P) []P {
	return slices.DeleteFunc(points, func(p P) bool {
		attributes, err := attributesFrom(p.GetAttributes())
		if err != nil && k.err == nil {
			k.err = within(metric.Name, err)
		}
		series := &model.Series{Metric: metric, Resource: k.resource, Scope: k.scope, Attributes: attributes}
		return !k.keep(series, model.Nanos(p.GetTimeUnixNano()))
	})
}
