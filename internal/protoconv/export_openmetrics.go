// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package protoconv

import (
	"bytes"
	"cmp"
	"slices"
	"strings"

	"github.com/tapio/tapio/internal/model"
)

// OpenMetricsEnd is the last line of an exposition. The caller puts it, once,
// behind all that EncodeOpenMetrics returned.
const OpenMetricsEnd = "# EOF\n"

// EncodeOpenMetrics returns points as OpenMetrics text without the last line,
// each with its timestamp. Within one call the points of a metric family stand
// together, series by series, the earliest first, as the format demands; over
// several calls that is up to the caller.
//
// Labels are the attributes of the point, then those of the resource, save that
// service.namespace and service.name make job and service.instance.id makes
// instance; an attribute whose name is taken gets the prefix exported_.
// Exponential histograms get the buckets that they fill. Delta sums are gauges
// and delta histograms gauge histograms. A point without a recorded value is
// left out.
func EncodeOpenMetrics(points []model.Point) ([]byte, error) {
	var out bytes.Buffer
	for _, f := range families(points) {
		f.writeHead(&out)
		for _, s := range f.series {
			slices.SortStableFunc(s.points, func(a, b *model.Point) int { return cmp.Compare(a.Time, b.Time) })
			for _, p := range s.points {
				writePoint(&out, f, s, p)
			}
		}
	}
	return out.Bytes(), nil
}

// family is a metric family: what has one name and one type.
type family struct {
	name   string
	kind   string
	unit   string
	help   string
	series []*labelled
	byText map[string]*labelled
}

// labelled are the points of one label set.
type labelled struct {
	labels string // without braces
	points []*model.Point
}

func families(points []model.Point) []*family {
	var out []*family
	made := map[familyKey]*family{}
	taken := map[string]bool{}
	text := map[*model.Series]string{}
	for i := range points {
		p := &points[i]
		if p.Flags&model.FlagNoRecordedValue != 0 {
			continue
		}
		key := keyOfFamily(p.Series.Metric)
		f := made[key]
		if f == nil {
			f = newFamily(key, p.Series.Metric, taken)
			made[key] = f
			out = append(out, f)
		}
		if _, known := text[p.Series]; !known {
			text[p.Series] = labelText(p.Series)
		}
		f.add(text[p.Series], p)
	}
	return out
}

type familyKey struct{ name, kind string }

func keyOfFamily(m *model.Metric) familyKey {
	kind := openMetricsType(m)
	return familyKey{name: familyName(m, kind), kind: kind}
}

// newFamily makes a family. Where two types share a name, the later one gets its
// type appended: the format knows one type a name.
func newFamily(key familyKey, m *model.Metric, taken map[string]bool) *family {
	f := &family{
		name: key.name, kind: key.kind, unit: unitSuffix(m.Unit), help: m.Description,
		byText: map[string]*labelled{},
	}
	for taken[f.name] {
		f.name += "_" + key.kind
		f.unit = "" // the name must end with the unit, or there is none
	}
	taken[f.name] = true
	return f
}

func (f *family) add(labels string, p *model.Point) {
	s := f.byText[labels]
	if s == nil {
		s = &labelled{labels: labels}
		f.byText[labels] = s
		f.series = append(f.series, s)
	}
	s.points = append(s.points, p)
}

func (f *family) writeHead(out *bytes.Buffer) {
	out.WriteString("# TYPE " + f.name + " " + f.kind + "\n")
	if f.unit != "" && strings.HasSuffix(f.name, "_"+f.unit) {
		out.WriteString("# UNIT " + f.name + " " + f.unit + "\n")
	}
	if f.help != "" {
		out.WriteString("# HELP " + f.name + " " + escape(f.help) + "\n")
	}
}

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
