// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package protoconv

import (
	"slices"
	"strings"

	"github.com/tapio/tapio/internal/model"
)

// labels are the labels of one series.
type labels struct {
	names  []string
	values map[string]string
}

func labelsOf(s *model.Series) labels {
	l := labels{values: map[string]string{}}
	l.origin(s.Resource)
	l.set("otel_scope_name", s.Scope.Name)
	l.set("otel_scope_version", s.Scope.Version)
	l.attributes(s.Attributes, labelName)
	l.attributes(s.Scope.Attributes, func(key string) string { return legalLabel("otel_scope_" + key) })
	l.attributes(slices.DeleteFunc(slices.Clone(s.Resource.Attributes), func(kv model.KeyValue) bool {
		return isOriginKey(kv.Key)
	}), labelName)
	return l
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
	if _, known := l.values[name]; !known {
		l.names = append(l.names, name)
	}
	l.values[name] = value
}

// attributes adds attributes. The values of keys that become one name are joined
// in the order of the keys, as OpenTelemetry demands; a name that is taken by
// what was added before gets a prefix.
func (l *labels) attributes(list model.Attributes, nameOf func(key string) string) {
	joined := map[string][]string{}
	var names []string
	for _, kv := range sortedByKey(list) {
		name := nameOf(kv.Key)
		if joined[name] == nil {
			names = append(names, name)
		}
		joined[name] = append(joined[name], kv.Value.Text())
	}
	for _, name := range names {
		value := strings.Join(joined[name], ";")
		for l.values[name] != "" {
			name = "exported_" + name
		}
		l.set(name, value)
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

// escape makes a text fit a label value or a help line. A NUL ends the text for
// some parsers, so it is replaced as invalid UTF-8 is.
func escape(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if !strings.ContainsAny(s, "\\\"\n\x00") {
		return s
	}
	return strings.NewReplacer("\\", `\\`, `"`, `\"`, "\n", `\n`, "\x00", "\uFFFD").Replace(s)
}
