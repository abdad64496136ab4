// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package prometheus

import (
	"slices"
	"strings"

	prommodel "github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/promname"
)

// translation makes Prometheus series of OpenTelemetry ones.
type translation struct {
	utf8    bool     // names are not escaped
	promote []string // resource attributes that become labels; "*" is all
	scope   bool     // so do the name and version of the scope
}

// translated is a stored series as Prometheus sees it. It becomes one series, or with a
// histogram or summary several.
type translated struct {
	metric *family
	// base are the labels without the name and without le or quantile.
	base labels.Labels
	// full are the labels of a series that stays one.
	full labels.Labels
	info *targetInfo // nil: the resource has none
}

// targetInfo is what the series target_info says of a resource.
type targetInfo struct{ labels labels.Labels }

// family is a metric as Prometheus sees it.
type family struct {
	kind  model.MetricType
	name  string // with the _total of a counter
	names []string
	meta  metadata
	delta bool
	// verbatim is set where names and values are Prometheus' own.
	verbatim bool
}

type metadata struct {
	family string
	Type   string `json:"type"`
	Help   string `json:"help"`
	Unit   string `json:"unit"`
}

func (t *translation) family(m *model.Metric) *family {
	f := &family{kind: m.Type, name: promname.Family(m), delta: m.Temporality == model.TemporalityDelta}
	if t.utf8 {
		f.name = promname.FamilyUTF8(m)
	}
	if f.verbatim = promname.IsVerbatim(m); f.verbatim {
		f.name = m.Name
	}
	f.meta = metadata{family: f.name, Type: promname.Type(m), Help: m.Description, Unit: promname.Unit(m.Unit)}
	switch m.Type {
	case model.MetricHistogram:
		f.names = []string{f.name + "_bucket", f.name + "_count", f.name + "_sum"}
		return f
	case model.MetricSummary:
		f.names = []string{f.name, f.name + "_count", f.name + "_sum"}
		return f
	case model.MetricSum:
		if f.meta.Type == "counter" && !f.verbatim {
			f.name += "_total"
			f.meta.family = f.name
		}
	case model.MetricEmpty, model.MetricGauge, model.MetricExponentialHistogram: // one series, with the name of the metric
	}
	f.names = []string{f.name}
	return f
}

// labels returns the labels of a series without its name.
func (t *translation) labels(s *model.Series) labels.Labels {
	if promname.IsVerbatim(s.Metric) {
		return verbatim(s.Attributes)
	}
	l := promname.NewLabels()
	l.Origin(s.Resource)
	if t.scope {
		l.Set("otel_scope_name", s.Scope.Name)
		l.Set("otel_scope_version", s.Scope.Version)
	}
	l.Attributes(s.Attributes, t.label)
	if len(t.promote) > 0 {
		l.Attributes(slices.DeleteFunc(slices.Clone(s.Resource.Attributes), func(kv model.KeyValue) bool {
			return promname.IsOrigin(kv.Key) && !slices.Contains(t.promote, kv.Key) ||
				!slices.Contains(t.promote, kv.Key) && !slices.Contains(t.promote, "*")
		}), t.label)
	}
	return fromMap(l.Values)
}

func (t *translation) label(key string) string {
	if t.utf8 {
		return promname.LabelUTF8(key)
	}
	return promname.Label(key)
}

func verbatim(attributes model.Attributes) labels.Labels {
	values := make(map[string]string, len(attributes))
	for i := range attributes {
		values[attributes[i].Key] = attributes[i].Value.Text()
	}
	return fromMap(values)
}

// fromMap leaves out what Prometheus takes for no label, and replaces what is not UTF-8.
func fromMap(values map[string]string) labels.Labels {
	list := make([]labels.Label, 0, len(values))
	for name, value := range values {
		if value != "" {
			list = append(list, labels.Label{Name: name, Value: strings.ToValidUTF8(value, "\uFFFD")})
		}
	}
	return labels.New(list...)
}

const (
	targetInfoName = "target_info"
	nameLabel      = prommodel.MetricNameLabel
)

// targetInfo is that of a resource that names its service or instance and has attributes
// besides, nil for one that does not.
func (t *translation) targetInfo(r *model.Resource) *targetInfo {
	l := promname.NewLabels()
	l.Origin(r)
	if len(l.Values) == 0 {
		return nil
	}
	rest := slices.DeleteFunc(slices.Clone(r.Attributes), func(kv model.KeyValue) bool { return promname.IsOrigin(kv.Key) })
	if len(rest) == 0 {
		return nil
	}
	l.Attributes(rest, t.label)
	l.Set(nameLabel, targetInfoName)
	return &targetInfo{labels: fromMap(l.Values)}
}

// withLabel returns labels with one or two more.
func withLabel(base labels.Labels, name, extra, value string) labels.Labels {
	b := labels.NewBuilder(base)
	b.Set(nameLabel, name)
	if extra != "" {
		b.Set(extra, value)
	}
	return b.Labels()
}
