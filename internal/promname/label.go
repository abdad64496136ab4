// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package promname

import (
	"cmp"
	"slices"
	"strings"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/semconv"
)

// Labels are the labels of one series. Their names are in the order in which they were
// set.
type Labels struct {
	Names  []string
	Values map[string]string
}

// NewLabels returns no labels.
func NewLabels() Labels { return Labels{Values: map[string]string{}} }

// Origin sets job and instance.
func (l *Labels) Origin(r *model.Resource) {
	job := r.Service()
	if namespace, found := r.Attributes.Get(semconv.ServiceNamespace); found {
		job = namespace.Text() + "/" + job
	}
	instance, _ := r.Attributes.Get(semconv.ServiceInstanceID)
	l.Set("job", job)
	l.Set("instance", instance.Text())
}

// IsOrigin reports whether a resource attribute makes job or instance.
func IsOrigin(key string) bool {
	return key == semconv.ServiceName || key == semconv.ServiceNamespace || key == semconv.ServiceInstanceID
}

// Set leaves empty values out: to OpenMetrics they are the same as none.
func (l *Labels) Set(name, value string) {
	if value == "" {
		return
	}
	if _, known := l.Values[name]; !known {
		l.Names = append(l.Names, name)
	}
	l.Values[name] = value
}

// Attributes adds attributes. The values of keys that become one name are joined
// in the order of the keys, as OpenTelemetry demands; a name that is taken by
// what was added before gets a prefix.
func (l *Labels) Attributes(list model.Attributes, nameOf func(key string) string) {
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
		for l.Values[name] != "" {
			name = "exported_" + name
		}
		l.Set(name, value)
	}
}

func sortedByKey(list model.Attributes) model.Attributes {
	return slices.SortedStableFunc(slices.Values(list), func(a, b model.KeyValue) int { return cmp.Compare(a.Key, b.Key) })
}
