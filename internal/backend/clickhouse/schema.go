// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"context"

	"github.com/tapio/tapio/internal/model"
)

// insertedAt is the column that distribution/clickhouse/migrate.sql adds.
const insertedAt = "InsertedAt"

// schema is what the database has.
type schema struct {
	columns map[string]map[string]bool // names by table
}

// has reports whether a table has a column.
func (s *schema) has(table, column string) bool { return s.columns[table][column] }

// exists reports whether there is a table.
func (s *schema) exists(table string) bool { return len(s.columns[table]) > 0 }

// describe returns the schema. It is read again as long as tables are missing, for the
// exporter creates them when it starts.
func (r *connection) describe(ctx context.Context) (*schema, error) {
	r.mu.Lock()
	known := r.schema
	r.mu.Unlock()
	if known != nil {
		return known, nil
	}
	s := r.newStatement(nil)
	found := &schema{columns: map[string]map[string]bool{}}
	sql := "SELECT table, name FROM system.columns WHERE database = " + s.text(r.Database) + " AND table IN " + s.texts(r.Tables.all())
	err := s.each(ctx, sql, func(scan scanner) error {
		var table, column string
		if err := scan(&table, &column); err != nil {
			return err
		}
		if found.columns[table] == nil {
			found.columns[table] = map[string]bool{}
		}
		found.columns[table][column] = true
		return nil
	})
	if err != nil {
		return nil, err
	}
	if len(found.columns) == len(r.Tables.all()) {
		r.mu.Lock()
		r.schema = found
		r.mu.Unlock()
	}
	return found, nil
}

// forgetSchema has the schema read again.
func (r *connection) forgetSchema() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.schema = nil
}

// traceTimes is the table in which the exporter keeps when each trace was.
func (t *Tables) traceTimes() string { return t.Traces + "_trace_id_ts" }

func (t *Tables) all() []string {
	list := append([]string{t.Traces, t.traceTimes()}, t.metrics()...)
	if t.Logs != "" {
		list = append(list, t.Logs)
	}
	return list
}

func (t *Tables) metrics() []string {
	return []string{t.Gauge, t.Sum, t.Histogram, t.ExponentialHistogram, t.Summary}
}

// begin starts a statement.
func (r *connection) begin(ctx context.Context) (*statement, error) {
	schema, err := r.describe(ctx)
	if err != nil {
		return nil, err
	}
	return r.newStatement(schema), nil
}

// source is one of the tables, and where it has what conditions look at.
type source struct {
	table string
	at    string // column of the event time
	name  string // of the event, span or metric
	// Maps of attributes; scope is "" where the table has none.
	record, scope, resource string
	texts                   []string // columns that texts are searched in, beside the values of record
	inserted                bool     // there is a column insertedAt
	seq                     string   // hash of a row
	signal                  model.Signal
}

// hash makes a sequence of a hash: 50 bits, never 0, so that readers above can add the
// number of their source.
func hash(columns string) string { return "(bitShiftRight(cityHash64(" + columns + "), 14) + 1)" }

func (s *statement) logs() *source {
	t := s.reader.Tables.Logs
	from := &source{
		table: t, at: "Timestamp", name: "''", record: "LogAttributes", scope: "ScopeAttributes", resource: "ResourceAttributes",
		inserted: s.schema.has(t, insertedAt), signal: model.SignalLogs, texts: []string{"Body"},
	}
	if s.schema.has(t, "EventName") {
		from.name = "EventName"
		from.texts = append(from.texts, "EventName")
	}
	from.seq = hash("TraceId, SpanId, SeverityNumber, Body, ResourceAttributes, LogAttributes, " + from.name)
	return from
}

func (s *statement) traces() *source {
	t := s.reader.Tables.Traces
	return &source{
		table: t, at: "Timestamp", name: "SpanName", record: "SpanAttributes", resource: "ResourceAttributes",
		inserted: s.schema.has(t, insertedAt), signal: model.SignalTraces, texts: []string{"SpanName", "StatusMessage"},
		seq: hash("TraceId, SpanId, SpanName, SpanKind, Duration"),
	}
}

// metric returns a table of metrics, and the columns that distinguish points of one time.
func (s *statement) metric(table, measured string) *source {
	return &source{
		table: table, at: "TimeUnix", name: "MetricName", record: "Attributes", scope: "ScopeAttributes", resource: "ResourceAttributes",
		inserted: s.schema.has(table, insertedAt), signal: model.SignalMetrics, texts: []string{"MetricName"},
		seq: hash("MetricName, Attributes, ResourceAttributes, ScopeName, StartTimeUnix, " + measured),
	}
}

// from is the name of the table in a statement.
func (f *source) from(r *connection) string {
	return identifier(r.Database) + "." + identifier(f.table)
}

// nanos is an expression for a time as a number.
func nanos(column string) string { return "toUnixTimestamp64Nano(toDateTime64(" + column + ", 9))" }
