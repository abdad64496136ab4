// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package promname gives metrics and their series the names that Prometheus gives to
// OTLP metrics.
package promname

import (
	"strconv"
	"strings"

	"github.com/prometheus/otlptranslator"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/semconv"
)

// Type is the type of the metric in OpenMetrics: that of a delta sum is gauge, that of a
// delta histogram gaugehistogram.
func Type(m *model.Metric) string {
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

// Family is the name that Prometheus gives to the metric, without the _total
// of a counter's samples.
func Family(m *model.Metric) string {
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

// Unit spells a UCUM unit as Prometheus does, "" for none: seconds for s,
// bytes_per_second for By/s.
func Unit(unit string) string {
	namer := otlptranslator.UnitNamer{}
	return namer.Build(unit)
}

// Label makes a legal label name of an attribute's key, which is not one of
// those that the encoder or Prometheus itself sets.
func Label(key string) string {
	name := LegalLabel(key)
	if isReserved(name) || strings.HasPrefix(name, "__") {
		name = "exported_" + strings.Trim(name, "_")
	}
	return name
}

// LegalLabel makes a legal label name of an attribute's key.
func LegalLabel(key string) string {
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

// Verbatim is the key of a metric's metadata that says that its name and the attributes of
// its series are those of Prometheus already.
const Verbatim = semconv.PrometheusVerbatim

// IsVerbatim reports whether the metric's name and labels are Prometheus' own.
func IsVerbatim(m *model.Metric) bool {
	v, found := m.Metadata.Get(Verbatim)
	return found && v.Bool()
}

// FamilyUTF8 is Family for those who take names in UTF-8: nothing is escaped.
func FamilyUTF8(m *model.Metric) string {
	namer := otlptranslator.MetricNamer{WithMetricSuffixes: true, UTF8Allowed: true}
	name, err := namer.Build(otlptranslator.Metric{Name: strings.ToValidUTF8(m.Name, "\uFFFD"), Unit: m.Unit, Type: translatorType(m)})
	if err != nil || name == "" {
		return Family(m)
	}
	if translatorType(m) == otlptranslator.MetricTypeMonotonicCounter {
		return strings.TrimSuffix(name, "_total")
	}
	return name
}

// LabelUTF8 is Label for those who take names in UTF-8.
func LabelUTF8(key string) string {
	name := strings.ToValidUTF8(key, "\uFFFD")
	if strings.Trim(name, "_") == "" || isReserved(name) || strings.HasPrefix(name, "__") {
		return Label(key)
	}
	return name
}
