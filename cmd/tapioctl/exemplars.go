// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/hex"
	"slices"
	"strconv"
	"strings"

	metricsv1 "go.opentelemetry.io/proto/otlp/metrics/v1"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// exemplarText shows the value of an exemplar and the trace that it links to, as
// `get trace` takes it.
func exemplarText(e *metricsv1.Exemplar) string {
	text := exemplarValue(e)
	if link := exemplarTrace(e); link != "" {
		text += " " + link
	}
	return text
}

func exemplarValue(e *metricsv1.Exemplar) string {
	if _, whole := e.GetValue().(*metricsv1.Exemplar_AsInt); whole {
		return strconv.FormatInt(e.GetAsInt(), 10)
	}
	return rounded(e.GetAsDouble())
}

// exemplarTrace returns trace:span, "" of an exemplar without a trace.
func exemplarTrace(e *metricsv1.Exemplar) string {
	if len(e.GetTraceId()) == 0 {
		return ""
	}
	link := hex.EncodeToString(e.GetTraceId())
	if len(e.GetSpanId()) > 0 {
		link += ":" + hex.EncodeToString(e.GetSpanId())
	}
	return link
}

func exemplarTexts(list []*metricsv1.Exemplar) string {
	texts := make([]string, len(list))
	for i, e := range list {
		texts[i] = exemplarText(e)
	}
	return strings.Join(texts, ", ")
}

// addExemplars puts a column for exemplars before the last one if there are any:
// how many there are or, in a wide table, which.
func addExemplars(points []metricPoint, wide bool, heading []string, rows [][]cell) ([]string, [][]cell) {
	if !slices.ContainsFunc(points, func(p metricPoint) bool { return len(p.exemplars) > 0 }) {
		return heading, rows
	}
	if wide {
		heading = append(slices.Clone(heading), "EXEMPLARS")
		for i := range rows {
			rows[i] = append(rows[i], cell{exemplarTexts(points[i].exemplars), cyan})
		}
		return heading, rows
	}
	before := len(heading) - 1
	heading = slices.Insert(slices.Clone(heading), before, "EXEMPLARS")
	for i := range rows {
		count := "-"
		if n := len(points[i].exemplars); n > 0 {
			count = strconv.Itoa(n)
		}
		rows[i] = slices.Insert(rows[i], before, cell{count, plain})
	}
	return heading, rows
}

// printSeriesExemplars shows the exemplars of aggregated series, the latest first,
// in a table of their own, or says that there are some.
func (a *app) printSeriesExemplars(list []*tapiov1.MetricSeries, groupBy []string, wide bool) {
	heading := append(append([]string{"TIME", "METRIC"}, groupBy...), "EXEMPLAR", "TRACE")
	var rows [][]cell
	for _, series := range list {
		for _, e := range series.GetExemplars() {
			row := []cell{{a.clock(e.GetTimeUnixNano()), dim}, {series.GetMetricName(), plain}}
			for _, label := range groupBy {
				row = append(row, cell{orDash(series.GetLabels()[label]), cyan})
			}
			rows = append(rows, append(row, cell{exemplarValue(e), bold}, cell{orDash(exemplarTrace(e)), cyan}))
		}
	}
	switch {
	case len(rows) == 0:
	case wide:
		a.write("\n")
		a.printTable(heading, rows)
	default:
		a.note("%s exemplars link to traces: -o wide prints them", thousands(uint64(len(rows))))
	}
}
