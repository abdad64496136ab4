// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strings"
)

// markdown returns the reference of what the registry defines.
func (r registry) markdown() []byte {
	var b strings.Builder
	b.WriteString("# Semantic conventions\n\n<!-- Written by `make generate-semconv` from internal/semconv/registry: change that. -->\n\n" +
		"The attributes, metrics and events of Tapio's own. All other names are those of\n" +
		"[OpenTelemetry's semantic conventions](https://opentelemetry.io/docs/specs/semconv/). [Names](names.md) explains when they are written.\n\n## Attributes\n")
	for _, g := range r.of("attribute_group") {
		if g.Attributes[0].ID == "" {
			continue
		}
		fmt.Fprintf(&b, "\n### %s\n\n| attribute | type | description |\n|---|---|---|\n", g.DisplayName)
		for _, a := range g.Attributes {
			description := a.Brief
			for _, example := range a.Examples {
				description += fmt.Sprintf(" Example: `%s`.", example)
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s |\n", a.ID, a.Type, cell(description))
		}
	}
	b.WriteString("\n## Metrics\n\n| metric | instrument | unit | attributes | description |\n|---|---|---|---|---|\n")
	for _, g := range r.of("metric") {
		names := make([]string, len(g.Attributes))
		for i, a := range g.Attributes {
			names[i] = "`" + a.Ref + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | `%s` | %s | %s |\n", g.Name, g.Instrument, g.Unit, strings.Join(names, ", "), cell(g.Brief))
	}
	b.WriteString("\n## Events\n\n| event | description |\n|---|---|\n")
	for _, g := range r.of("event") {
		fmt.Fprintf(&b, "| `%s` | %s |\n", g.Name, cell(g.Brief))
	}
	return []byte(b.String())
}

// cell is the text for a cell of a table.
func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }
