// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"go.opentelemetry.io/collector/pdata/pmetric"
)

func (m *maker) metric(to pmetric.Metric) {
	to.SetName(m.unique())
	to.SetDescription(m.text())
	to.SetUnit(m.text())
	m.attributes(to.Metadata())
	temporality := pmetric.AggregationTemporality(m.Int32())
	kind := m.IntN(5)
	for i := range 1 + m.some() {
		switch kind {
		case 0:
			if i == 0 {
				to.SetEmptyGauge()
			}
			m.number(to.Gauge().DataPoints().AppendEmpty())
		case 1:
			if i == 0 {
				to.SetEmptySum().SetAggregationTemporality(temporality)
				to.Sum().SetIsMonotonic(m.IntN(2) == 0)
			}
			m.number(to.Sum().DataPoints().AppendEmpty())
		case 2:
			if i == 0 {
				to.SetEmptyHistogram().SetAggregationTemporality(temporality)
			}
			m.histogram(to.Histogram().DataPoints().AppendEmpty())
		case 3:
			if i == 0 {
				to.SetEmptyExponentialHistogram().SetAggregationTemporality(temporality)
			}
			m.exponential(to.ExponentialHistogram().DataPoints().AppendEmpty())
		case 4:
			if i == 0 {
				to.SetEmptySummary()
			}
			m.summary(to.Summary().DataPoints().AppendEmpty())
		}
	}
}

func (m *maker) common(to settablePoint) {
	m.attributes(to.Attributes())
	to.SetStartTimestamp(m.time())
	to.SetTimestamp(m.time())
	to.SetFlags(pmetric.DataPointFlags(m.Uint32()))
}

func (m *maker) number(to pmetric.NumberDataPoint) {
	m.common(to)
	switch m.IntN(3) {
	case 0: // has no value
	case 1:
		to.SetIntValue(int64(m.Uint64()))
	case 2:
		to.SetDoubleValue(m.float())
	}
	m.exemplars(to.Exemplars())
}

func (m *maker) histogram(to pmetric.HistogramDataPoint) {
	m.common(to)
	to.SetCount(m.Uint64())
	m.maybe(to.SetSum)
	m.maybe(to.SetMin)
	m.maybe(to.SetMax)
	to.ExplicitBounds().FromRaw(m.floats())
	to.BucketCounts().FromRaw(m.counts())
	m.exemplars(to.Exemplars())
}

func (m *maker) exponential(to pmetric.ExponentialHistogramDataPoint) {
	m.common(to)
	to.SetCount(m.Uint64())
	m.maybe(to.SetSum)
	m.maybe(to.SetMin)
	m.maybe(to.SetMax)
	to.SetScale(m.Int32())
	to.SetZeroCount(m.Uint64())
	to.SetZeroThreshold(m.float())
	to.Positive().SetOffset(-m.Int32())
	to.Positive().BucketCounts().FromRaw(m.counts())
	to.Negative().SetOffset(m.Int32())
	to.Negative().BucketCounts().FromRaw(m.counts())
	m.exemplars(to.Exemplars())
}

func (m *maker) summary(to pmetric.SummaryDataPoint) {
	m.common(to)
	to.SetCount(m.Uint64())
	to.SetSum(m.float())
	for range m.some() {
		quantile := to.QuantileValues().AppendEmpty()
		quantile.SetQuantile(m.float())
		quantile.SetValue(m.float())
	}
}

func (m *maker) maybe(set func(float64)) {
	if m.IntN(2) == 0 {
		set(m.float())
	}
}

func (m *maker) exemplars(to pmetric.ExemplarSlice) {
	for range m.some() {
		e := to.AppendEmpty()
		e.SetTimestamp(m.time())
		m.attributes(e.FilteredAttributes())
		e.SetTraceID(m.traceID())
		e.SetSpanID(m.spanID())
		switch m.IntN(3) {
		case 0: // has no value
		case 1:
			e.SetIntValue(int64(m.Uint64()))
		case 2:
			e.SetDoubleValue(m.float())
		}
	}
}
