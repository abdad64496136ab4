// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package protoconv

import (
	"slices"
	"strings"

	"github.com/tapio/tapio/internal/model"
)

// familyName makes a legal name that ends with the unit. The samples of a
// counter get _total behind it.
func familyName(m *model.Metric, kind string) string {
	name := legalName(m.Name, true)
	if kind == "counter" {
		name = strings.TrimSuffix(name, "_total")
	}
	unit := unitSuffix(m.Unit)
	if unit != "" && name != unit && !strings.HasSuffix(name, "_"+unit) {
		name += "_" + unit
	}
	return name
}

// legalName replaces what a metric name, or a label name without colons, must
// not have.
func legalName(s string, colons bool) string {
	name := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == ':' && colons:
			return r
		default:
			return '_'
		}
	}, s)
	if name == "" || name[0] >= '0' && name[0] <= '9' {
		return "_" + name
	}
	return name
}

// unitSuffix spells a UCUM unit as Prometheus does, "" for none: seconds for s,
// bytes_per_second for By/s. An annotation in braces says no unit.
func unitSuffix(unit string) string {
	unit = withoutAnnotations(unit)
	amount, per, isRate := strings.Cut(unit, "/")
	name := unitName(amount)
	if isRate && per != "" {
		name = strings.TrimPrefix(name+"_per_"+strings.TrimSuffix(unitName(per), "s"), "_")
	}
	if name == "" {
		return ""
	}
	return strings.Trim(legalName(name, false), "_")
}

func withoutAnnotations(unit string) string {
	for {
		before, rest, found := strings.Cut(unit, "{")
		_, after, closed := strings.Cut(rest, "}")
		if !found || !closed {
			return strings.TrimSpace(unit)
		}
		unit = before + after
	}
}

func unitName(unit string) string {
	switch unit {
	case "", "1":
		return ""
	case "d":
		return "days"
	case "h":
		return "hours"
	case "min":
		return "minutes"
	case "s":
		return "seconds"
	case "ms":
		return "milliseconds"
	case "us":
		return "microseconds"
	case "ns":
		return "nanoseconds"
	case "By":
		return "bytes"
	case "KiBy":
		return "kibibytes"
	case "MiBy":
		return "mebibytes"
	case "GiBy":
		return "gibibytes"
	case "bit":
		return "bits"
	case "%":
		return "percent"
	case "Hz":
		return "hertz"
	case "Cel":
		return "celsius"
	case "V":
		return "volts"
	case "A":
		return "amperes"
	case "J":
		return "joules"
	case "W":
		return "watts"
	default:
		return unit
	}
}

// labelText writes the labels of a series, without braces.
func labelText(s *model.Series) string {
	l := labels{values: map[string]string{}}
	l.origin(s.Resource)
	if s.Scope.Name != "" {
		l.set("otel_scope_name", s.Scope.Name)
		l.set("otel_scope_version", s.Scope.Version)
	}
	l.attributes(s.Attributes)
	l.attributes(slices.DeleteFunc(slices.Clone(s.Resource.Attributes), func(kv model.KeyValue) bool {
		return isOriginKey(kv.Key)
	}))
	return l.text()
}

type labels struct {
	names  []string
	values map[string]string
}

// origin sets job and instance.
func (l *labels) origin(r *model.Resource) {
	job := r.Service()
	if namespace, found := r.Attributes.Get("service.namespace"); found {
		job = namespace.Text() + "/" + job
	}
	instance, _ := r.Attributes.Get("service.instance.id")
	l.set("job", job)
	l.set("instance", instance.Text())
}

func isOriginKey(key string) bool {
	return key == "service.name" || key == "service.namespace" || key == "service.instance.id"
}

// set leaves empty values out: to OpenMetrics they are the same as none.
func (l *labels) set(name, value string) {
	if value == "" {
		return
	}
	l.names = append(l.names, name)
	l.values[name] = value
}

// attributes adds attributes; of those that share a name the first is kept.
func (l *labels) attributes(attributes model.Attributes) {
	for _, kv := range attributes {
		name := legalName(kv.Key, false)
		if isReserved(name) {
			name = "exported_" + name
		}
		if _, taken := l.values[name]; !taken {
			l.set(name, kv.Value.Text())
		}
	}
}

// isReserved names the labels that the encoder itself sets.
func isReserved(name string) bool {
	switch name {
	case "job", "instance", "le", "quantile", "otel_scope_name", "otel_scope_version":
		return true
	default:
		return false
	}
}

// text sorts the labels, so that one set has one text.
func (l *labels) text() string {
	slices.Sort(l.names)
	parts := make([]string, len(l.names))
	for i, name := range l.names {
		parts[i] = label(name, l.values[name])
	}
	return strings.Join(parts, ",")
}

func label(name, value string) string { return name + `="` + escape(value) + `"` }

// escape makes a text fit a label value or a help line.
func escape(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if !strings.ContainsAny(s, "\\\"\n") {
		return s
	}
	return strings.NewReplacer("\\", `\\`, `"`, `\"`, "\n", `\n`).Replace(s)
}
