// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// metadata is what a component's metadata.yaml has about its metrics.
type metadata struct {
	Type   string
	Status struct{ Class string }

	Attributes map[string]struct{ Description string }
	Telemetry  struct{ Metrics map[string]metric }
}

type metric struct {
	Description, Unit     string
	Sum, Gauge, Histogram *struct{}
	Attributes            []string
}

func (m metric) kind() string {
	switch {
	case m.Sum != nil:
		return "counter"
	case m.Histogram != nil:
		return "histogram"
	}
	return "gauge"
}

const metricsIntro = `# Metrics of Tapio

` + generatedNote + `

What Tapio's components measure about themselves. The collector exports these figures at ` + "`service::telemetry::metrics`" + ` beside
[those of the collector](https://opentelemetry.io/docs/collector/internal-telemetry/). [Monitor Tapio](../how-to/monitor-tapio.md) has a dashboard and
alerts. Names are those in OTLP; Prometheus adds ` + "`_total`" + ` to counters, and the unit.
`

// metricsPage joins the metrics in the metadata.yaml of all components.
func metricsPage() (string, error) {
	files, err := filepath.Glob("*/*/metadata.yaml")
	if err != nil {
		return "", fmt.Errorf("list the components: %w", err)
	}
	var page strings.Builder
	page.WriteString(metricsIntro)
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			return "", fmt.Errorf("read the metadata: %w", err)
		}
		var m metadata
		if err := yaml.Unmarshal(source, &m); err != nil {
			return "", fmt.Errorf("%s: %w", file, err)
		}
		if len(m.Telemetry.Metrics) > 0 {
			m.write(&page)
		}
	}
	return page.String(), nil
}

func (m *metadata) write(page *strings.Builder) {
	fmt.Fprintf(page, "\n## %s `%s`\n\n| metric | type | unit | description | attributes |\n|---|---|---|---|---|\n",
		strings.ToUpper(m.Status.Class[:1])+m.Status.Class[1:], m.Type)
	var used []string
	for _, name := range sorted(m.Telemetry.Metrics) {
		about := m.Telemetry.Metrics[name]
		used = append(used, about.Attributes...)
		fmt.Fprintf(page, "| `otelcol_%s` | %s | `%s` | %s | %s |\n", name, about.kind(), about.Unit, cell(about.Description), code(about.Attributes))
	}
	slices.Sort(used)
	if used = slices.Compact(used); len(used) == 0 {
		return
	}
	page.WriteString("\n| attribute | description |\n|---|---|\n")
	for _, name := range used {
		fmt.Fprintf(page, "| `%s` | %s |\n", name, cell(m.Attributes[name].Description))
	}
}

func sorted[V any](m map[string]V) []string {
	var names []string
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func code(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return "`" + strings.Join(names, "`, `") + "`"
}
