// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package clickhouse implements query.Reader over the tables that the ClickHouse
// exporter of OpenTelemetry Collector Contrib writes: otel_logs, otel_traces and
// otel_metrics_*. It only reads; GRANT SELECT is enough.
//
// The tables keep attributes as text, metric times as whole seconds and numbers as
// doubles, and lack some fields of OTLP; docs/how-to/clickhouse.md lists them. Values
// that come from a query are always parameters of the statement, never part of it.
//
// Rows have no sequence. The order of rows of one time is that of a hash of what they
// hold, which also serves as their sequence. With the column InsertedAt, which
// distribution/clickhouse/migrate.sql adds, pages do not show what is stored later, and
// tails follow the order of arrival; without it both go by event time.
package clickhouse
