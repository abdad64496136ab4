-- The users of Tapio: one that writes and creates tables, one that reads. Choose passwords of your own.
--
--   clickhouse-client --queries-file distribution/clickhouse/users.sql

CREATE DATABASE IF NOT EXISTS otel;

-- Of the clickhouse exporter.
CREATE USER IF NOT EXISTS tapio_writer IDENTIFIED BY 'writer-password';
GRANT SELECT, INSERT, CREATE TABLE, CREATE VIEW, ALTER ON otel.* TO tapio_writer;

-- Of backends::clickhouse. With readonly = 1 it may set nothing: these limits hold for each statement.
CREATE USER IF NOT EXISTS tapio_reader IDENTIFIED BY 'reader-password'
    SETTINGS readonly = 1, max_execution_time = 10, max_memory_usage = 4000000000, max_rows_to_read = 1000000000;
GRANT SELECT ON otel.* TO tapio_reader;
