// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"context"
	"strconv"

	"github.com/tapio/tapio/internal/model"
)

// metricTable is one of the tables of metrics, and its columns that not all have.
type metricTable struct {
	*source
	kind                  model.MetricType
	temporality           string
	monotonic             string
	value, count, sum     string
	least, greatest       string
	bounds, counts        string
	scale, zero           string
	positiveAt, positive  string
	negativeAt, negative  string
	quantiles, quantileOf string
	exemplars             bool
}

// metricTables returns the tables that exist.
func (s *statement) metricTables() (tables []metricTable) {
	names := s.reader.Tables
	number := func(name string, kind model.MetricType) metricTable {
		return metricTable{source: s.metric(name, "Value"), kind: kind, value: "Value", exemplars: true}
	}
	gauge, sum := number(names.Gauge, model.MetricGauge), number(names.Sum, model.MetricSum)
	sum.temporality, sum.monotonic = "AggregationTemporality", "IsMonotonic"
	histogram := metricTable{
		source: s.metric(names.Histogram, "Count, Sum"), kind: model.MetricHistogram, temporality: "AggregationTemporality", count: "Count", sum: "Sum",
		least: "Min", greatest: "Max", bounds: "ExplicitBounds", counts: "BucketCounts", exemplars: true,
	}
	exponential := metricTable{
		source: s.metric(names.ExponentialHistogram, "Count, Sum"), kind: model.MetricExponentialHistogram, temporality: "AggregationTemporality", count: "Count",
		sum: "Sum", least: "Min", greatest: "Max", scale: "Scale", zero: "ZeroCount", positiveAt: "PositiveOffset", positive: "PositiveBucketCounts",
		negativeAt: "NegativeOffset", negative: "NegativeBucketCounts", exemplars: true,
	}
	summary := metricTable{
		source: s.metric(names.Summary, "Count, Sum"), kind: model.MetricSummary, count: "Count", sum: "Sum",
		quantiles: "ValueAtQuantiles.Quantile", quantileOf: "ValueAtQuantiles.Value",
	}
	for _, table := range []metricTable{gauge, sum, histogram, exponential, summary} {
		if s.schema.exists(table.table) {
			tables = append(tables, table)
		}
	}
	return tables
}

// or returns the expression of a column, or what stands for one that is missing.
func or(column, kind, missing string) string {
	if column == "" {
		return "CAST(" + missing + ", '" + kind + "')"
	}
	return "CAST(" + column + ", '" + kind + "')"
}

// identity are the columns that identify a metric, and what describes them.
func (t *metricTable) identity() []string {
	return []string{
		"toUInt8(" + strconv.Itoa(int(t.kind)) + ") AS kind", text("MetricName") + " AS name", "MetricUnit AS unit",
		or(t.temporality, "Int32", "0") + " AS temporality", or(t.monotonic, "UInt8", "0") + " AS monotonic",
	}
}

// columns are the columns that eachPoint reads.
func (t *metricTable) columns() string {
	inserted := "0"
	if t.inserted {
		inserted = nanos(insertedAt)
	}
	columns := append([]string{nanos(t.at) + " AS at", t.seq + " AS seq", "toInt64(" + inserted + ") AS inserted"}, t.identity()...)
	columns = append(append(columns, "MetricDescription"), t.sharedColumns(true, "ScopeDroppedAttrCount")...)
	columns = append(columns,
		keys(t.record), values(t.record), nanos("StartTimeUnix"), "Flags", or(t.value, "Float64", "0"), or(t.count, "UInt64", "0"), or(t.sum, "Float64", "0"),
		or(t.least, "Float64", "0"), or(t.greatest, "Float64", "0"), or(t.bounds, "Array(Float64)", "[]"), or(t.counts, "Array(UInt64)", "[]"),
		or(t.scale, "Int32", "0"), or(t.zero, "UInt64", "0"), or(t.positiveAt, "Int32", "0"), or(t.positive, "Array(UInt64)", "[]"),
		or(t.negativeAt, "Int32", "0"), or(t.negative, "Array(UInt64)", "[]"), or(t.quantiles, "Array(Float64)", "[]"), or(t.quantileOf, "Array(Float64)", "[]"))
	if t.exemplars {
		columns = append(columns, "arrayMap(t -> toUnixTimestamp64Nano(toDateTime64(t, 9)), Exemplars.TimeUnix)", "Exemplars.Value", "Exemplars.TraceId", "Exemplars.SpanId")
		columns = append(columns, nested("Exemplars.FilteredAttributes")...)
	} else {
		columns = append(columns, or("", "Array(Int64)", "[]"), or("", "Array(Float64)", "[]"), or("", "Array(String)", "[]"), or("", "Array(String)", "[]"),
			or("", "Array(Array(String))", "[]"), or("", "Array(Array(String))", "[]"))
	}
	return columnList(columns)
}

// pointRow is the columns of a point that need converting.
type pointRow struct {
	at, inserted, start              int64
	kind, monotonic                  uint8
	name, unit, description          string
	temporality                      int32
	shared                           shared
	keys, values                     []string
	value, sum, least, greatest      float64
	count, zero                      uint64
	bounds                           []float64
	counts, positive, negative       []uint64
	scale, positiveAt, negativeAt    int32
	quantiles, quantileOf            []float64
	exemplarTimes                    []int64
	exemplarValues                   []float64
	exemplarTraces, exemplarSpans    []string
	exemplarKeys, exemplarAttributes [][]string
}

func (p *pointRow) targets(seq *uint64, flags *uint32) []any {
	targets := []any{&p.at, seq, &p.inserted, &p.kind, &p.name, &p.unit, &p.temporality, &p.monotonic, &p.description}
	targets = append(targets, p.shared.targets()...)
	return append(targets, &p.keys, &p.values, &p.start, flags, &p.value, &p.count, &p.sum, &p.least, &p.greatest, &p.bounds, &p.counts,
		&p.scale, &p.zero, &p.positiveAt, &p.positive, &p.negativeAt, &p.negative, &p.quantiles, &p.quantileOf,
		&p.exemplarTimes, &p.exemplarValues, &p.exemplarTraces, &p.exemplarSpans, &p.exemplarKeys, &p.exemplarAttributes)
}

// eachPoint calls use with each point and the time at which it was stored.
func (s *statement) eachPoint(ctx context.Context, sql string, use func(p *model.Point, inserted model.Nanos) error) error {
	origins := newOrigins()
	return s.each(ctx, sql, func(scan scanner) error {
		var row pointRow
		var p model.Point
		if err := scan(row.targets(&p.Seq, &p.Flags)...); err != nil {
			return err
		}
		p.Time, p.Start, p.Series = nanosOf(row.at), nanosOf(row.start), row.series(origins)
		row.fill(&p)
		return use(&p, nanosOf(row.inserted))
	})
}
