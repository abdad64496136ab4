-- Copyright The Tapio Authors
-- SPDX-License-Identifier: Apache-2.0

-- Adds to the tables of the ClickHouse exporter what Tapio uses beside them on all replicas of a cluster. Run it once, after the exporter has created
-- the tables: clickhouse-client --database otel --queries-file migrate-cluster.sql
-- A second run stops at its first statement and changes nothing. docs/how-to/clickhouse.md describes each part.

-- When each row arrived: pages stay the same while rows are inserted, and live tails follow the order of arrival. Rows that
-- are there already count as having arrived at their own time.
ALTER TABLE otel_logs ON CLUSTER '{cluster}' ADD COLUMN InsertedAt DateTime64(9) DEFAULT toDateTime64(Timestamp, 9) CODEC(Delta(8), ZSTD(1));
ALTER TABLE otel_traces ON CLUSTER '{cluster}' ADD COLUMN InsertedAt DateTime64(9) DEFAULT toDateTime64(Timestamp, 9) CODEC(Delta(8), ZSTD(1));
ALTER TABLE otel_metrics_gauge ON CLUSTER '{cluster}' ADD COLUMN InsertedAt DateTime64(9) DEFAULT toDateTime64(TimeUnix, 9) CODEC(Delta(8), ZSTD(1));
ALTER TABLE otel_metrics_sum ON CLUSTER '{cluster}' ADD COLUMN InsertedAt DateTime64(9) DEFAULT toDateTime64(TimeUnix, 9) CODEC(Delta(8), ZSTD(1));
ALTER TABLE otel_metrics_histogram ON CLUSTER '{cluster}' ADD COLUMN InsertedAt DateTime64(9) DEFAULT toDateTime64(TimeUnix, 9) CODEC(Delta(8), ZSTD(1));
ALTER TABLE otel_metrics_exponential_histogram ON CLUSTER '{cluster}' ADD COLUMN InsertedAt DateTime64(9) DEFAULT toDateTime64(TimeUnix, 9) CODEC(Delta(8), ZSTD(1));
ALTER TABLE otel_metrics_summary ON CLUSTER '{cluster}' ADD COLUMN InsertedAt DateTime64(9) DEFAULT toDateTime64(TimeUnix, 9) CODEC(Delta(8), ZSTD(1));
ALTER TABLE otel_logs ON CLUSTER '{cluster}' MATERIALIZE COLUMN InsertedAt SETTINGS mutations_sync = 2;
ALTER TABLE otel_traces ON CLUSTER '{cluster}' MATERIALIZE COLUMN InsertedAt SETTINGS mutations_sync = 2;
ALTER TABLE otel_metrics_gauge ON CLUSTER '{cluster}' MATERIALIZE COLUMN InsertedAt SETTINGS mutations_sync = 2;
ALTER TABLE otel_metrics_sum ON CLUSTER '{cluster}' MATERIALIZE COLUMN InsertedAt SETTINGS mutations_sync = 2;
ALTER TABLE otel_metrics_histogram ON CLUSTER '{cluster}' MATERIALIZE COLUMN InsertedAt SETTINGS mutations_sync = 2;
ALTER TABLE otel_metrics_exponential_histogram ON CLUSTER '{cluster}' MATERIALIZE COLUMN InsertedAt SETTINGS mutations_sync = 2;
ALTER TABLE otel_metrics_summary ON CLUSTER '{cluster}' MATERIALIZE COLUMN InsertedAt SETTINGS mutations_sync = 2;
ALTER TABLE otel_logs ON CLUSTER '{cluster}' MODIFY COLUMN InsertedAt DateTime64(9) DEFAULT now64(9) CODEC(Delta(8), ZSTD(1));
ALTER TABLE otel_traces ON CLUSTER '{cluster}' MODIFY COLUMN InsertedAt DateTime64(9) DEFAULT now64(9) CODEC(Delta(8), ZSTD(1));
ALTER TABLE otel_metrics_gauge ON CLUSTER '{cluster}' MODIFY COLUMN InsertedAt DateTime64(9) DEFAULT now64(9) CODEC(Delta(8), ZSTD(1));
ALTER TABLE otel_metrics_sum ON CLUSTER '{cluster}' MODIFY COLUMN InsertedAt DateTime64(9) DEFAULT now64(9) CODEC(Delta(8), ZSTD(1));
ALTER TABLE otel_metrics_histogram ON CLUSTER '{cluster}' MODIFY COLUMN InsertedAt DateTime64(9) DEFAULT now64(9) CODEC(Delta(8), ZSTD(1));
ALTER TABLE otel_metrics_exponential_histogram ON CLUSTER '{cluster}' MODIFY COLUMN InsertedAt DateTime64(9) DEFAULT now64(9) CODEC(Delta(8), ZSTD(1));
ALTER TABLE otel_metrics_summary ON CLUSTER '{cluster}' MODIFY COLUMN InsertedAt DateTime64(9) DEFAULT now64(9) CODEC(Delta(8), ZSTD(1));
ALTER TABLE otel_logs ON CLUSTER '{cluster}' ADD INDEX IF NOT EXISTS tapio_inserted InsertedAt TYPE minmax GRANULARITY 1;
ALTER TABLE otel_traces ON CLUSTER '{cluster}' ADD INDEX IF NOT EXISTS tapio_inserted InsertedAt TYPE minmax GRANULARITY 1;
ALTER TABLE otel_metrics_gauge ON CLUSTER '{cluster}' ADD INDEX IF NOT EXISTS tapio_inserted InsertedAt TYPE minmax GRANULARITY 1;
ALTER TABLE otel_metrics_sum ON CLUSTER '{cluster}' ADD INDEX IF NOT EXISTS tapio_inserted InsertedAt TYPE minmax GRANULARITY 1;
ALTER TABLE otel_metrics_histogram ON CLUSTER '{cluster}' ADD INDEX IF NOT EXISTS tapio_inserted InsertedAt TYPE minmax GRANULARITY 1;
ALTER TABLE otel_metrics_exponential_histogram ON CLUSTER '{cluster}' ADD INDEX IF NOT EXISTS tapio_inserted InsertedAt TYPE minmax GRANULARITY 1;
ALTER TABLE otel_metrics_summary ON CLUSTER '{cluster}' ADD INDEX IF NOT EXISTS tapio_inserted InsertedAt TYPE minmax GRANULARITY 1;

-- Findings and other events are few among many log records.
ALTER TABLE otel_logs ON CLUSTER '{cluster}' ADD INDEX IF NOT EXISTS tapio_event_name EventName TYPE set(100) GRANULARITY 1;

-- Spans by time: their key is the service and the operation.
ALTER TABLE otel_traces ON CLUSTER '{cluster}' ADD INDEX IF NOT EXISTS tapio_time Timestamp TYPE minmax GRANULARITY 1;

-- Findings with typed columns, for dashboards and for queries by hand.
CREATE VIEW IF NOT EXISTS tapio_findings ON CLUSTER '{cluster}' AS
SELECT
    Timestamp AS at,
    EventName AS kind,
    LogAttributes['tapio.finding.id'] AS id,
    toUInt64OrZero(LogAttributes['tapio.finding.revision']) AS revision,
    LogAttributes['tapio.group.id'] AS group_id,
    LogAttributes['tapio.group.state'] AS state,
    toFloat64OrZero(LogAttributes['tapio.finding.confidence']) AS confidence,
    JSONExtract(LogAttributes['tapio.finding.services'], 'Array(String)') AS services,
    Body AS text
FROM otel_logs
WHERE EventName IN ('tapio.correlation', 'tapio.semantic_group', 'tapio.insight');

-- Requests, errors and durations of each service and operation by minute, as they are inserted.
CREATE TABLE IF NOT EXISTS tapio_red_1m ON CLUSTER '{cluster}' (
    Minute DateTime,
    ServiceName LowCardinality(String),
    SpanName LowCardinality(String),
    Requests SimpleAggregateFunction(sum, UInt64),
    Errors SimpleAggregateFunction(sum, UInt64),
    Durations AggregateFunction(quantilesTDigest(0.5, 0.95, 0.99), UInt64)
) ENGINE = ReplicatedAggregatingMergeTree
PARTITION BY toYYYYMM(Minute)
ORDER BY (ServiceName, SpanName, Minute);

CREATE MATERIALIZED VIEW IF NOT EXISTS tapio_red_1m_mv ON CLUSTER '{cluster}' TO tapio_red_1m AS
SELECT
    toStartOfMinute(Timestamp) AS Minute,
    ServiceName,
    SpanName,
    count() AS Requests,
    countIf(StatusCode = 'Error') AS Errors,
    quantilesTDigestState(0.5, 0.95, 0.99)(Duration) AS Durations
FROM otel_traces
WHERE SpanKind IN ('Server', 'Consumer')
GROUP BY Minute, ServiceName, SpanName;

-- One table over all shards for each of the exporter's. Name them under logs_table, traces_table and
-- metrics_tables of backends::clickhouse of the tapio extension.
CREATE TABLE IF NOT EXISTS otel_logs_all ON CLUSTER '{cluster}' AS otel_logs ENGINE = Distributed('{cluster}', currentDatabase(), otel_logs, rand());
CREATE TABLE IF NOT EXISTS otel_traces_all ON CLUSTER '{cluster}' AS otel_traces ENGINE = Distributed('{cluster}', currentDatabase(), otel_traces, rand());
CREATE TABLE IF NOT EXISTS otel_metrics_gauge_all ON CLUSTER '{cluster}' AS otel_metrics_gauge ENGINE = Distributed('{cluster}', currentDatabase(), otel_metrics_gauge, rand());
CREATE TABLE IF NOT EXISTS otel_metrics_sum_all ON CLUSTER '{cluster}' AS otel_metrics_sum ENGINE = Distributed('{cluster}', currentDatabase(), otel_metrics_sum, rand());
CREATE TABLE IF NOT EXISTS otel_metrics_histogram_all ON CLUSTER '{cluster}' AS otel_metrics_histogram ENGINE = Distributed('{cluster}', currentDatabase(), otel_metrics_histogram, rand());
CREATE TABLE IF NOT EXISTS otel_metrics_exponential_histogram_all ON CLUSTER '{cluster}' AS otel_metrics_exponential_histogram ENGINE = Distributed('{cluster}', currentDatabase(), otel_metrics_exponential_histogram, rand());
CREATE TABLE IF NOT EXISTS otel_metrics_summary_all ON CLUSTER '{cluster}' AS otel_metrics_summary ENGINE = Distributed('{cluster}', currentDatabase(), otel_metrics_summary, rand());
CREATE TABLE IF NOT EXISTS otel_traces_all_trace_id_ts ON CLUSTER '{cluster}' AS otel_traces_trace_id_ts ENGINE = Distributed('{cluster}', currentDatabase(), otel_traces_trace_id_ts, rand());
