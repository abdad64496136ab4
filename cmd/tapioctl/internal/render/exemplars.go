// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package render

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
	return Rounded(e.GetAsDouble())
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
func addExemplars(points []MetricPoint, wide bool, heading []string, rows [][]Cell) ([]string, [][]Cell) {
	if !slices.ContainsFunc(points, func(p MetricPoint) bool { return len(p.exemplars) > 0 }) {
		return heading, rows
	}
	if wide {
		heading = append(slices.Clone(heading), "EXEMPLARS")
		for i := range rows {
			rows[i] = append(rows[i], Cell{exemplarTexts(points[i].exemplars), Cyan})
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
		rows[i] = slices.Insert(rows[i], before, Cell{count, Plain})
	}
	return heading, rows
}

// PrintSeriesExemplars shows the exemplars of aggregated series, the latest first,
// in a table of their own, or reports that there are some.
func PrintSeriesExemplars(o *Output, list []*tapiov1.MetricSeries, groupBy []string, wide bool) {
	heading := append(append([]string{"TIME", "METRIC"}, groupBy...), "EXEMPLAR", "TRACE")
	var rows [][]Cell
	for _, series := range list {
		for _, e := range series.GetExemplars() {
			row := []Cell{{o.shortTime(e.GetTimeUnixNano()), Dim}, {series.GetMetricName(), Plain}}
			for _, label := range groupBy {
				row = append(row, Cell{OrDash(series.GetLabels()[label]), Cyan})
			}
			rows = append(rows, append(row, Cell{exemplarValue(e), Bold}, Cell{OrDash(exemplarTrace(e)), Cyan}))
		}
	}
	switch {
	case len(rows) == 0:
	case wide:
		o.WriteText("\n")
		o.PrintTable(heading, rows)
	default:
		o.Note("%s exemplars link to traces: -o wide prints them", Thousands(uint64(len(rows))))
	}
}
