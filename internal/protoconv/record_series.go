// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package protoconv

import (
	"math"

	"github.com/tapio/tapio/internal/model"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// MetricSeries makes the messages of aggregated series; groupBy are the keys as
// the request named them.
func MetricSeries(series []model.AggregateSeries, groupBy []string) []*tapiov1.MetricSeries {
	out := make([]*tapiov1.MetricSeries, len(series))
	for i := range series {
		s := &series[i]
		out[i] = &tapiov1.MetricSeries{
			MetricName:                s.Metric.Name,
			Unit:                      s.Metric.Unit,
			Labels:                    groupLabels(groupBy, s.Labels),
			Points:                    aggregatePoints(s.Points),
			Exemplars:                 exemplars(s.Exemplars),
			SourceSeriesCount:         uint64(s.Sources),
			MultipleWriterSeriesCount: uint64(s.ManyWriters),
			DuplicatePointCount:       uint64(s.Duplicates),
			Type:                      tapiov1.MetricDescription_Type(s.Metric.Type),
			Temporality:               tapiov1.MetricDescription_Temporality(s.Metric.Temporality),
			Monotonic:                 s.Metric.Monotonic,
		}
	}
	return out
}

func groupLabels(keys, values []string) map[string]string {
	out := make(map[string]string, len(keys))
	for i, key := range keys[:min(len(keys), len(values))] {
		out[key] = values[i]
	}
	return out
}

func aggregatePoints(points []model.AggregatePoint) []*tapiov1.MetricSeries_Point {
	out := make([]*tapiov1.MetricSeries_Point, len(points))
	for i, p := range points {
		out[i] = &tapiov1.MetricSeries_Point{Time: timestamp(p.Time), Value: p.Value, SampleCount: p.Count}
	}
	return out
}

// AggregateGauges turns aggregated series into points of gauges, so that the
// encoders of points can export them. The group stands in the attributes; a key
// whose label is absent is left out.
func AggregateGauges(series []model.AggregateSeries, groupBy []string) []model.Point {
	var out []model.Point
	resource, scope := &model.Resource{}, &model.Scope{}
	gauges := map[*model.Metric]*model.Metric{}
	for i := range series {
		metric, made := gauges[series[i].Metric]
		if !made {
			metric = asGauge(series[i].Metric)
			gauges[series[i].Metric] = metric
		}
		group := &model.Series{
			Metric:     metric,
			Resource:   resource,
			Scope:      scope,
			Attributes: groupAttributes(groupBy, series[i].Labels),
		}
		for _, p := range series[i].Points {
			out = append(out, model.Point{
				Series: group, Time: p.Time, Number: model.NumberDouble, Bits: math.Float64bits(p.Value),
			})
		}
	}
	return out
}

func asGauge(m *model.Metric) *model.Metric {
	return &model.Metric{Name: m.Name, Description: m.Description, Unit: m.Unit, Type: model.MetricGauge}
}

func groupAttributes(keys, values []string) model.Attributes {
	var out model.Attributes
	for i, key := range keys[:min(len(keys), len(values))] {
		if values[i] != "" {
			out = append(out, model.KeyValue{Key: key, Value: model.StringValue(values[i])})
		}
	}
	return out
}
