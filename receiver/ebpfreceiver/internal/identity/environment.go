//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"cmp"
	"net/url"
	"strings"

	"github.com/tapio/tapio/internal/semconv"
)

// Declared is what a program says of the service that it belongs to.
type Declared struct {
	Name, Namespace, Version, Instance string
}

const (
	serviceName        = "OTEL_SERVICE_NAME="
	resourceAttributes = "OTEL_RESOURCE_ATTRIBUTES="
	// maxDeclared bounds each value that is kept.
	maxDeclared = 256
	// maxBlock bounds what is read of an environment or a command line.
	maxBlock = 128 << 10
)

// DeclaredBy reads the variables of OpenTelemetry, each as NAME=value. Other
// variables are not looked at, and nothing of them is kept.
func DeclaredBy(variables ...string) Declared {
	var d Declared
	name := ""
	for _, variable := range variables {
		if value, ok := strings.CutPrefix(variable, serviceName); ok {
			name = bounded(strings.TrimSpace(value))
		}
		if list, ok := strings.CutPrefix(variable, resourceAttributes); ok {
			d.read(list)
		}
	}
	d.Name = cmp.Or(name, d.Name)
	return d
}

// read takes key=value pairs with commas between, percent-encoded.
func (d *Declared) read(list string) {
	for pair := range strings.SplitSeq(list, ",") {
		key, value, _ := strings.Cut(pair, "=")
		value = strings.TrimSpace(value)
		if decoded, err := url.PathUnescape(value); err == nil {
			value = decoded
		}
		d.Set(strings.TrimSpace(key), value)
	}
}

// Set takes an attribute of a resource, if it is one that names a service.
func (d *Declared) Set(key, value string) {
	switch key {
	case semconv.ServiceName:
		d.Name = bounded(value)
	case semconv.ServiceNamespace:
		d.Namespace = bounded(value)
	case semconv.ServiceVersion:
		d.Version = bounded(value)
	case semconv.ServiceInstanceID:
		d.Instance = bounded(value)
	}
}

func bounded(value string) string {
	if len(value) > maxDeclared {
		value = value[:maxDeclared]
	}
	return strings.Clone(strings.ToValidUTF8(value, ""))
}

// Denied returns how many processes there were whose environment may not be read.
func (t *Table) Denied() int { return t.proc.denied }
