// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package protoconv

import (
	commonv1 "go.opentelemetry.io/proto/otlp/common/v1"
	metricsv1 "go.opentelemetry.io/proto/otlp/metrics/v1"

	"github.com/tapio/tapio/internal/model"
)

// ResourceMetrics groups points by resource, scope and metric, in order of
// first appearance.
func ResourceMetrics(points []model.Point) []*metricsv1.ResourceMetrics {
	g := metricGroups{
		resources: map[*model.Resource]*metricsv1.ResourceMetrics{},
		scopes:    map[metricOrigin]*metricsv1.ScopeMetrics{},
		metrics:   map[metricOrigin]*metricsv1.Metric{},
		series:    map[*model.Series][]*commonv1.KeyValue{},
	}
	for i := range points {
		p := &points[i]
		addPoint(g.metric(p.Series), p, g.attributes(p.Series))
	}
	return g.out
}

// metricOrigin is what a metric, or with nil a scope, stands under.
type metricOrigin struct {
	resource *model.Resource
	scope    *model.Scope
	metric   *model.Metric
}

type metricGroups struct {
	out       []*metricsv1.ResourceMetrics
	resources map[*model.Resource]*metricsv1.ResourceMetrics
	scopes    map[metricOrigin]*metricsv1.ScopeMetrics
	metrics   map[metricOrigin]*metricsv1.Metric
	series    map[*model.Series][]*commonv1.KeyValue
}

func (g *metricGroups) resource(s *model.Series) *metricsv1.ResourceMetrics {
	out, made := g.resources[s.Resource]
	if !made {
		out = &metricsv1.ResourceMetrics{Resource: resource(s.Resource), SchemaUrl: resourceURL(s.Resource)}
		g.resources[s.Resource] = out
		g.out = append(g.out, out)
	}
	return out
}

func (g *metricGroups) scope(s *model.Series) *metricsv1.ScopeMetrics {
	key := metricOrigin{resource: s.Resource, scope: s.Scope}
	out, made := g.scopes[key]
	if !made {
		out = &metricsv1.ScopeMetrics{Scope: scope(s.Scope), SchemaUrl: scopeURL(s.Scope)}
		g.scopes[key] = out
		outer := g.resource(s)
		outer.ScopeMetrics = append(outer.ScopeMetrics, out)
	}
	return out
}

func (g *metricGroups) metric(s *model.Series) *metricsv1.Metric {
	key := metricOrigin{resource: s.Resource, scope: s.Scope, metric: s.Metric}
	out, made := g.metrics[key]
	if !made {
		out = metric(s.Metric)
		g.metrics[key] = out
		outer := g.scope(s)
		outer.Metrics = append(outer.Metrics, out)
	}
	return out
}

// attributes are shared by the points of one series.
func (g *metricGroups) attributes(s *model.Series) []*commonv1.KeyValue {
	out, made := g.series[s]
	if !made {
		out = keyValues(s.Attributes)
		g.series[s] = out
	}
	return out
}

// metric makes the message of a metric, without points.
func metric(m *model.Metric) *metricsv1.Metric {
	out := &metricsv1.Metric{Name: m.Name, Description: m.Description, Unit: m.Unit, Metadata: keyValues(m.Metadata)}
	temporality := metricsv1.AggregationTemporality(m.Temporality)
	switch m.Type {
	case model.MetricGauge:
		out.Data = &metricsv1.Metric_Gauge{Gauge: &metricsv1.Gauge{}}
	case model.MetricSum:
		out.Data = &metricsv1.Metric_Sum{Sum: &metricsv1.Sum{AggregationTemporality: temporality, IsMonotonic: m.Monotonic}}
	case model.MetricHistogram:
		out.Data = &metricsv1.Metric_Histogram{Histogram: &metricsv1.Histogram{AggregationTemporality: temporality}}
	case model.MetricExponentialHistogram:
		out.Data = &metricsv1.Metric_ExponentialHistogram{
			ExponentialHistogram: &metricsv1.ExponentialHistogram{AggregationTemporality: temporality},
		}
	case model.MetricSummary:
		out.Data = &metricsv1.Metric_Summary{Summary: &metricsv1.Summary{}}
	case model.MetricEmpty: // has no data
	}
	return out
}

// addPoint adds a point to a metric of its type; OTLP has no points of a metric
// without a type.
func addPoint(m *metricsv1.Metric, p *model.Point, attributes []*commonv1.KeyValue) {
	switch data := m.GetData().(type) {
	case *metricsv1.Metric_Gauge:
		data.Gauge.DataPoints = append(data.Gauge.DataPoints, numberPoint(p, attributes))
	case *metricsv1.Metric_Sum:
		data.Sum.DataPoints = append(data.Sum.DataPoints, numberPoint(p, attributes))
	case *metricsv1.Metric_Histogram:
		data.Histogram.DataPoints = append(data.Histogram.DataPoints, histogramPoint(p, attributes))
	case *metricsv1.Metric_ExponentialHistogram:
		data.ExponentialHistogram.DataPoints = append(data.ExponentialHistogram.DataPoints, exponentialPoint(p, attributes))
	case *metricsv1.Metric_Summary:
		data.Summary.DataPoints = append(data.Summary.DataPoints, summaryPoint(p, attributes))
	}
}
