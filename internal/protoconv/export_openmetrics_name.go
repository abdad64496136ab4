// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package protoconv

import (
	"slices"
	"strconv"
	"strings"

	"github.com/prometheus/otlptranslator"

	"github.com/tapio/tapio/internal/model"
)

func openMetricsType(m *model.Metric) string {
	delta := m.Temporality == model.TemporalityDelta
	switch m.Type {
	case model.MetricSum:
		if m.Monotonic && !delta {
			return "counter"
		}
		return "gauge"
	case model.MetricHistogram, model.MetricExponentialHistogram:
		if delta {
			return "gaugehistogram"
		}
		return "histogram"
	case model.MetricSummary:
		return "summary"
	case model.MetricGauge:
		return "gauge"
	default:
		return "unknown"
	}
}

// kindOrder says which of the families that would share a name keeps it.
func kindOrder(kind string) int {
	return slices.Index([]string{"counter", "histogram", "summary", "gaugehistogram", "gauge", "unknown"}, kind)
}

// translatorType is the type as otlptranslator knows it: a name depends on it.
func translatorType(m *model.Metric) otlptranslator.MetricType {
	switch m.Type {
	case model.MetricGauge:
		return otlptranslator.MetricTypeGauge
	case model.MetricSum:
		if m.Monotonic && m.Temporality != model.TemporalityDelta {
			return otlptranslator.MetricTypeMonotonicCounter
		}
		return otlptranslator.MetricTypeNonMonotonicCounter
	case model.MetricHistogram:
		return otlptranslator.MetricTypeHistogram
	case model.MetricExponentialHistogram:
		return otlptranslator.MetricTypeExponentialHistogram
	case model.MetricSummary:
		return otlptranslator.MetricTypeSummary
	default:
		return otlptranslator.MetricTypeUnknown
	}
}

// familyName is the name that Prometheus gives to the metric, without the _total
// of a counter's samples.
func familyName(m *model.Metric) string {
	namer := otlptranslator.MetricNamer{WithMetricSuffixes: true}
	metric := otlptranslator.Metric{Name: m.Name, Unit: m.Unit, Type: translatorType(m)}
	if !hasLegal(m.Name) {
		metric.Name = encoded(m.Name)
	}
	name, err := namer.Build(metric)
	if err != nil {
		name = metric.Name
	}
	if metric.Type == otlptranslator.MetricTypeMonotonicCounter {
		return strings.TrimSuffix(name, "_total")
	}
	return name
}

// hasLegal reports whether a part of the name may stand in a Prometheus name.
func hasLegal(name string) bool {
	return strings.ContainsFunc(name, func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == ':'
	})
}

// encoded spells a name of which nothing is legal by its code points, with the
// prefix of Prometheus' value encoding.
func encoded(name string) string {
	var out strings.Builder
	out.WriteString("U_")
	for _, r := range name {
		out.WriteString("_" + strconv.FormatInt(int64(r), 16))
	}
	return out.String()
}

// unitSuffix spells a UCUM unit as Prometheus does, "" for none: seconds for s,
// bytes_per_second for By/s.
func unitSuffix(unit string) string {
	namer := otlptranslator.UnitNamer{}
	return namer.Build(unit)
}

// labelName makes a legal label name of an attribute's key, which is not one of
// those that the encoder or Prometheus itself sets.
func labelName(key string) string {
	name := legalLabel(key)
	if isReserved(name) || strings.HasPrefix(name, "__") {
		name = "exported_" + strings.Trim(name, "_")
	}
	return name
}

func legalLabel(key string) string {
	namer := otlptranslator.LabelNamer{}
	name, err := namer.Build(key)
	if err != nil {
		return encoded(key) // nothing of the key is legal
	}
	return name
}

// isReserved names the labels that the encoder itself sets.
func isReserved(name string) bool {
	switch name {
	case "job", "instance", "le", "quantile", "otel_metric_name", "otel_series":
		return true
	default:
		return strings.HasPrefix(name, "otel_scope_")
	}
}
