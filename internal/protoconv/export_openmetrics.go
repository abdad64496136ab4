// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package protoconv

import (
	"bytes"
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/promname"
)

// OpenMetricsEnd is the last line of an exposition. The caller puts it, once,
// behind all that EncodeOpenMetrics returned.
const OpenMetricsEnd = "# EOF\n"

// EncodeOpenMetrics returns points as OpenMetrics text without the last line,
// each with its timestamp. Within one call the points of a metric family stand
// together, series by series, the earliest first, as the format demands; over
// several calls that is up to the caller.
//
// Names are those that Prometheus gives to OTLP metrics. Where two names become
// one, the label otel_metric_name distinguishes them, and otel_series numbers
// series that still have the same labels; so each series is one of its own.
// Labels are the attributes of the point, the scope and the resource, save that
// service.namespace and service.name make job and service.instance.id makes
// instance; an attribute whose name is taken gets the prefix exported_.
// Exponential histograms get the buckets that they fill. Delta sums are gauges
// and delta histograms gauge histograms. A point without a recorded value is
// left out, and so is another one of the same series and time.
func EncodeOpenMetrics(points []model.Point) ([]byte, error) {
	var out bytes.Buffer
	for _, f := range families(points) {
		f.writeHead(&out)
		for _, s := range f.labelled() {
			slices.SortStableFunc(s.points, func(a, b *model.Point) int { return cmp.Compare(a.Time, b.Time) })
			for i, p := range s.points {
				if i == 0 || p.Time != s.points[i-1].Time {
					writePoint(&out, f, s, p)
				}
			}
		}
	}
	return out.Bytes(), nil
}

// family is a metric family: what has one name and one type.
type family struct {
	name    string
	kind    string
	unit    string
	help    string
	metrics map[string]bool // names of the metrics that are part of it
	series  map[string]*exportSeries
}

// exportSeries is the points of one series.
type exportSeries struct {
	id     string // distinguishes it from the others of its family
	labels promname.Labels
	text   string // of the labels, without braces
	points []*model.Point
}

// families returns the families by name; of one name counters come first, which
// keep it.
func families(points []model.Point) []*family {
	made := map[familyKey]*family{}
	ids := map[*model.Series]string{}
	for i := range points {
		p := &points[i]
		if p.Flags&model.FlagNoRecordedValue != 0 {
			continue
		}
		key := keyOfFamily(p.Series.Metric)
		f := made[key]
		if f == nil {
			f = newFamily(key, p.Series.Metric)
			made[key] = f
		}
		id, known := ids[p.Series]
		if !known {
			id = seriesID(p.Series)
			ids[p.Series] = id
		}
		f.add(id, p)
	}
	out := make([]*family, 0, len(made))
	for _, f := range made {
		out = append(out, f)
	}
	slices.SortFunc(out, func(a, b *family) int {
		return cmp.Or(cmp.Compare(a.name, b.name), cmp.Compare(kindOrder(a.kind), kindOrder(b.kind)))
	})
	separate(out)
	return out
}

type familyKey struct{ name, kind string }

func keyOfFamily(m *model.Metric) familyKey {
	return familyKey{name: promname.Family(m), kind: promname.Type(m)}
}

func newFamily(key familyKey, m *model.Metric) *family {
	return &family{
		name: key.name, kind: key.kind, unit: promname.Unit(m.Unit), help: m.Description,
		metrics: map[string]bool{}, series: map[string]*exportSeries{},
	}
}

func (f *family) add(id string, p *model.Point) {
	f.metrics[p.Series.Metric.Name] = true
	s := f.series[id]
	if s == nil {
		s = &exportSeries{id: id, labels: labelsOf(p.Series)}
		f.series[id] = s
	}
	s.points = append(s.points, p)
}

// separate renames families whose samples would share a name: the format knows
// one type a name, and jobs_total is a sample of the counter jobs.
func separate(families []*family) {
	taken := map[string]bool{}
	for _, f := range families {
		for slices.ContainsFunc(f.sampleNames(), func(name string) bool { return taken[name] }) {
			f.name += "_" + f.kind
		}
		for _, name := range f.sampleNames() {
			taken[name] = true
		}
	}
}

// sampleNames returns the names that belong to a family: its own and those of
// its samples.
func (f *family) sampleNames() []string {
	var suffixes []string
	switch f.kind {
	case "counter":
		suffixes = []string{"_total", "_created"}
	case "histogram":
		suffixes = []string{"_bucket", "_count", "_sum", "_created"}
	case "gaugehistogram":
		suffixes = []string{"_bucket", "_gcount", "_gsum"}
	case "summary":
		suffixes = []string{"_count", "_sum", "_created"}
	}
	names := []string{f.name}
	for _, suffix := range suffixes {
		names = append(names, f.name+suffix)
	}
	return names
}

// labelled returns the series in the order of their labels, each with labels of
// its own.
func (f *family) labelled() []*exportSeries {
	list := make([]*exportSeries, 0, len(f.series))
	for _, s := range f.series {
		if len(f.metrics) > 1 {
			s.labels.Set("otel_metric_name", s.points[0].Series.Metric.Name)
		}
		s.text = textOf(&s.labels)
		list = append(list, s)
	}
	slices.SortFunc(list, func(a, b *exportSeries) int { return cmp.Or(cmp.Compare(a.text, b.text), cmp.Compare(a.id, b.id)) })
	first := 0 // of those with the same labels
	for i, s := range list {
		if s.text != list[first].text {
			first = i
			continue
		}
		if i > first {
			s.labels.Set("otel_series", strconv.Itoa(i-first+1))
		}
	}
	for _, s := range list {
		s.text = textOf(&s.labels)
	}
	return list
}

// seriesID distinguishes a series from others as the store does: by the metric, and the
// attributes of the point, the scope and the resource in whatever order.
func seriesID(s *model.Series) string {
	m := s.Metric
	id := model.AppendText(model.AppendText(nil, m.Name), m.Unit)
	id = append(id, byte(m.Type), byte(m.Temporality), strconv.FormatBool(m.Monotonic)[0])
	id = model.AppendText(model.AppendText(id, s.Scope.Name), s.Scope.Version)
	for _, list := range []model.Attributes{s.Attributes, s.Scope.Attributes, s.Resource.Attributes} {
		id = model.AppendAttributes(id, sortedByKey(list))
	}
	return string(id)
}

func sortedByKey(list model.Attributes) model.Attributes {
	return slices.SortedStableFunc(slices.Values(list), func(a, b model.KeyValue) int { return cmp.Compare(a.Key, b.Key) })
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

// kindOrder reports which of the families that would share a name keeps it.
func kindOrder(kind string) int {
	return slices.Index([]string{"counter", "histogram", "summary", "gaugehistogram", "gauge", "unknown"}, kind)
}
