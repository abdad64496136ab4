// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package render

import (
	commonv1 "go.opentelemetry.io/proto/otlp/common/v1"
)

// entry prints one field of a record in the format dict, if it is not empty.
func (p *StreamPrinter) entry(key, value string) {
	if value != "" {
		p.WriteText(p.Paint(Bold, OneLine(key)+":") + " " + OneLine(value) + "\n")
	}
}

func (p *StreamPrinter) entries(prefix string, attributes []*commonv1.KeyValue) {
	for _, kv := range attributes {
		p.entry(prefix+"."+kv.GetKey(), ValueText(kv.GetValue()))
	}
}
