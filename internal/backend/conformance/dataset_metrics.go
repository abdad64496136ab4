// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tapio/tapio/internal/model"
)

// Every series has a point each ten seconds, the first at the start of the dataset.
const (
	pointEvery = 10 * second
	pointCount = 60
)

// The metrics of the dataset.
const (
	queueSize   = "queue.size"     // gauge
	requests    = "http.requests"  // monotonic cumulative sum, 5 a second and instance
	sentBytes   = "sent.bytes"     // delta sum
	durations   = "http.duration"  // delta histogram
	latency     = "rpc.latency"    // delta exponential histogram
	gcPause     = "gc.pause"       // summary
	temperature = "temperature"    // gauge of integers
	active      = "active.orders"  // cumulative sum that is not monotonic
	totalTook   = "duration.total" // cumulative histogram
)

func newTelemetry() Telemetry {
	return Telemetry{Logs: plog.NewLogs(), Traces: ptrace.NewTraces(), Metrics: pmetric.NewMetrics()}
}

func newMetrics() pmetric.Metrics {
	metrics := pmetric.NewMetrics()
	for i, o := range origins() {
		resource := metrics.ResourceMetrics().AppendEmpty()
		o.describe(resource.Resource().Attributes())
		scope := resource.ScopeMetrics().AppendEmpty()
		scope.Scope().SetName("meter")
		list := scope.Metrics()
		writeGauges(list, i)
		writeSums(list, i)
		writeHistograms(list, i)
		writeSummary(list, i)
	}
	return metrics
}

func named(list pmetric.MetricSlice, name, unit string) pmetric.Metric {
	m := list.AppendEmpty()
	m.SetName(name)
	m.SetUnit(unit)
	m.SetDescription("the " + name)
	return m
}

func pointTime(n int) pcommon.Timestamp {
	return pcommon.Timestamp(datasetStart + model.Nanos(n)*pointEvery)
}

// queueValue is the value of the gauge of an instance at a point.
func queueValue(instance, n int) float64 { return float64((instance*17+n*n)%97) + 0.5 }

func writeGauges(list pmetric.MetricSlice, instance int) {
	sizes := named(list, queueSize, "{item}").SetEmptyGauge().DataPoints()
	degrees := named(list, temperature, "Cel").SetEmptyGauge().DataPoints()
	for n := range pointCount {
		p := sizes.AppendEmpty()
		p.SetTimestamp(pointTime(n))
		p.SetDoubleValue(queueValue(instance, n))
		p.Attributes().PutStr("queue", []string{"mail", "print"}[n%2])
		p = degrees.AppendEmpty()
		p.SetTimestamp(pointTime(n))
		p.SetIntValue(int64(20 + instance))
	}
}

func writeSums(list pmetric.MetricSlice, instance int) {
	counter := named(list, requests, "{request}").SetEmptySum()
	counter.SetIsMonotonic(true)
	counter.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	delta := named(list, sentBytes, "By").SetEmptySum()
	delta.SetIsMonotonic(true)
	delta.SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
	open := named(list, active, "{order}").SetEmptySum()
	open.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	for n := range pointCount {
		p := counter.DataPoints().AppendEmpty()
		p.SetStartTimestamp(pointTime(0) - pcommon.Timestamp(pointEvery))
		p.SetTimestamp(pointTime(n))
		p.SetIntValue(int64(50 * (n + 1)))
		p.Attributes().PutStr("method", "GET")
		p = delta.DataPoints().AppendEmpty()
		p.SetStartTimestamp(pointTime(n) - pcommon.Timestamp(pointEvery))
		p.SetTimestamp(pointTime(n))
		p.SetIntValue(int64(100 * (instance + 1)))
		p = open.DataPoints().AppendEmpty()
		p.SetStartTimestamp(pointTime(0) - pcommon.Timestamp(pointEvery))
		p.SetTimestamp(pointTime(n))
		p.SetDoubleValue(float64(instance*10 + n%5))
	}
}

func writeHistograms(list pmetric.MetricSlice, instance int) {
	delta := named(list, durations, "s").SetEmptyHistogram()
	delta.SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
	total := named(list, totalTook, "s").SetEmptyHistogram()
	total.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	exponential := named(list, latency, "s").SetEmptyExponentialHistogram()
	exponential.SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
	for n := range pointCount {
		counts := bucketCounts(instance)
		writeHistogram(delta.DataPoints().AppendEmpty(), n, 1, counts, pointTime(n)-pcommon.Timestamp(pointEvery))
		writeHistogram(total.DataPoints().AppendEmpty(), n, uint64(n)+1, counts, pointTime(0)-pcommon.Timestamp(pointEvery))
		p := exponential.DataPoints().AppendEmpty()
		p.SetStartTimestamp(pointTime(n) - pcommon.Timestamp(pointEvery))
		p.SetTimestamp(pointTime(n))
		p.SetScale(3)
		p.SetCount(30)
		p.SetSum(60)
		p.Positive().SetOffset(int32(instance))
		p.Positive().BucketCounts().FromRaw([]uint64{10, 10, 10})
	}
}

// bounds are those of the histograms, bucketCounts what an instance observes each
// time.
func bounds() []float64 { return []float64{0.1, 0.2, 0.4, 0.8} }

func bucketCounts(instance int) []uint64 {
	counts := make([]uint64, len(bounds())+1)
	counts[instance%4] = 10
	counts[(instance+1)%4] = uint64(10 * (instance + 1))
	return counts
}

func writeHistogram(p pmetric.HistogramDataPoint, n int, times uint64, counts []uint64, start pcommon.Timestamp) {
	p.SetStartTimestamp(start)
	p.SetTimestamp(pointTime(n))
	p.ExplicitBounds().FromRaw(bounds())
	var count uint64
	for _, c := range counts {
		count += c * times
		p.BucketCounts().Append(c * times)
	}
	p.SetCount(count)
	p.SetSum(float64(count) / 4)
}

func writeSummary(list pmetric.MetricSlice, instance int) {
	pauses := named(list, gcPause, "ms").SetEmptySummary().DataPoints()
	for n := range pointCount {
		p := pauses.AppendEmpty()
		p.SetTimestamp(pointTime(n))
		p.SetCount(uint64(n) + 1)
		p.SetSum(float64(n+1) * 2)
		q := p.QuantileValues().AppendEmpty()
		q.SetQuantile(0.5)
		q.SetValue(float64(instance) + 1)
	}
}
