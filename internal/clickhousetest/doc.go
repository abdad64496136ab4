// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package clickhousetest runs the tests of the ClickHouse backend on the real engine,
// written to by the real exporter. It is a module of its own, so that neither becomes a
// dependency of the product. `make test-clickhouse` gets the engine, libchdb, from npm
// and runs the tests; without it they are skipped.
package clickhousetest
