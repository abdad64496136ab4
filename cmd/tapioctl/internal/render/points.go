// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package render

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	commonv1 "go.opentelemetry.io/proto/otlp/common/v1"
	metricsv1 "go.opentelemetry.io/proto/otlp/metrics/v1"

	"github.com/tapio/tapio/internal/semconv"
)

// MetricPoint is one point as a table shows it.
type MetricPoint struct {
	time    uint64
	metric  *metricsv1.Metric
	kind    string
	value   string
	service string
	scope   string
	labels  []*commonv1.KeyValue

	exemplars []*metricsv1.Exemplar

	resource []*commonv1.KeyValue
}

// PointsOf flattens OTLP into points.
func PointsOf(resources []*metricsv1.ResourceMetrics) []MetricPoint {
	var points []MetricPoint
	for _, resource := range resources {
		of := resource.GetResource().GetAttributes()
		service := attribute(of, semconv.ServiceName)
		for _, scope := range resource.GetScopeMetrics() {
			for _, metric := range scope.GetMetrics() {
				for _, p := range metricPoints(metric) {
					p.metric, p.service, p.scope, p.resource = metric, service, scope.GetScope().GetName(), of
					points = append(points, p)
				}
			}
		}
	}
	return points
}

func metricPoints(metric *metricsv1.Metric) []MetricPoint {
	switch data := metric.GetData().(type) {
	case *metricsv1.Metric_Gauge:
		return numberPoints("gauge", data.Gauge.GetDataPoints())
	case *metricsv1.Metric_Sum:
		return numberPoints("sum", data.Sum.GetDataPoints())
	case *metricsv1.Metric_Histogram:
		return sampledPoints("histogram", data.Histogram.GetDataPoints())
	case *metricsv1.Metric_ExponentialHistogram:
		return sampledPoints("exp_histogram", data.ExponentialHistogram.GetDataPoints())
	case *metricsv1.Metric_Summary:
		return sampledPoints("summary", data.Summary.GetDataPoints())
	default:
		return nil
	}
}

func numberPoints(kind string, list []*metricsv1.NumberDataPoint) []MetricPoint {
	points := make([]MetricPoint, len(list))
	for i, p := range list {
		value := Rounded(p.GetAsDouble())
		if _, whole := p.GetValue().(*metricsv1.NumberDataPoint_AsInt); whole {
			value = strconv.FormatInt(p.GetAsInt(), 10)
		}
		points[i] = MetricPoint{time: p.GetTimeUnixNano(), kind: kind, value: value, labels: p.GetAttributes(), exemplars: p.GetExemplars()}
	}
	return points
}

// sampledPoint is what histograms and summaries have in common.
type sampledPoint interface {
	GetTimeUnixNano() uint64
	GetCount() uint64
	GetSum() float64
	GetAttributes() []*commonv1.KeyValue
}

func sampledPoints[P sampledPoint](kind string, list []P) []MetricPoint {
	points := make([]MetricPoint, len(list))
	for i, p := range list {
		value := fmt.Sprintf("count=%d sum=%s", p.GetCount(), Rounded(p.GetSum()))
		points[i] = MetricPoint{time: p.GetTimeUnixNano(), kind: kind, value: value, labels: p.GetAttributes()}
		if of, has := any(p).(interface{ GetExemplars() []*metricsv1.Exemplar }); has { // summaries have none
			points[i].exemplars = of.GetExemplars()
		}
	}
	return points
}

// CutPoints drops all points beyond the first n, and returns how many stay.
func CutPoints(resources []*metricsv1.ResourceMetrics, n int) int {
	left := n
	for _, resource := range resources {
		for _, scope := range resource.GetScopeMetrics() {
			for _, metric := range scope.GetMetrics() {
				left -= cutMetric(metric, left)
			}
		}
	}
	return n - left
}

func cutMetric(metric *metricsv1.Metric, n int) (kept int) {
	switch data := metric.GetData().(type) {
	case *metricsv1.Metric_Gauge:
		data.Gauge.DataPoints = FirstOf(n, data.Gauge.GetDataPoints())
		return len(data.Gauge.DataPoints)
	case *metricsv1.Metric_Sum:
		data.Sum.DataPoints = FirstOf(n, data.Sum.GetDataPoints())
		return len(data.Sum.DataPoints)
	case *metricsv1.Metric_Histogram:
		data.Histogram.DataPoints = FirstOf(n, data.Histogram.GetDataPoints())
		return len(data.Histogram.DataPoints)
	case *metricsv1.Metric_ExponentialHistogram:
		data.ExponentialHistogram.DataPoints = FirstOf(n, data.ExponentialHistogram.GetDataPoints())
		return len(data.ExponentialHistogram.DataPoints)
	case *metricsv1.Metric_Summary:
		data.Summary.DataPoints = FirstOf(n, data.Summary.GetDataPoints())
		return len(data.Summary.DataPoints)
	default:
		return 0
	}
}

// PrintPoints puts the points, which OTLP groups by resource, in order of time.
func PrintPoints(o *Output, points []MetricPoint, oldestFirst, wide bool) {
	slices.SortStableFunc(points, func(p, q MetricPoint) int {
		if p.time == q.time {
			return strings.Compare(p.metric.GetName(), q.metric.GetName())
		}
		if (p.time < q.time) == oldestFirst {
			return -1
		}
		return 1
	})
	rows := make([][]Cell, len(points))
	for i, p := range points {
		rows[i] = pointRow(o, p)
	}
	heading, rows := addExemplars(points, wide, pointHeading(), rows)
	o.PrintTable(heading, rows)
}

func pointHeading() []string {
	return []string{"TIME", "METRIC", "TYPE", "VALUE", "UNIT", "SERVICE", "LABELS"}
}

func pointRow(o *Output, p MetricPoint) []Cell {
	return []Cell{
		{o.shortTime(p.time), Dim},
		{p.metric.GetName(), Plain},
		{p.kind, Plain},
		{p.value, Bold},
		{OrDash(p.metric.GetUnit()), Plain},
		{OrDash(p.service), Cyan},
		{labelsText(p.labels), Dim},
	}
}

func labelsText(labels []*commonv1.KeyValue) string {
	texts := make([]string, len(labels))
	for i, kv := range labels {
		texts[i] = kv.GetKey() + "=" + assigned(kv.GetValue())
	}
	return strings.Join(texts, ",")
}
