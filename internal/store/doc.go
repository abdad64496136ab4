// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package store keeps telemetry in memory within fixed bounds of bytes and age, and optionally in a
// directory.
//
// # Layout
//
// Log records and spans are stored by one generic mechanism: a log is a list of chunks, and rows are
// appended to the newest one (the head). When the bound of bytes or of age is reached, the oldest
// chunk is evicted as a whole, together with its index and its copies of resources and scopes. So
// the memory is accounted for exactly, and nothing outlives the rows. Metric points are stored by
// series (pointLog): their chunks share one registry, in which a series stays as long as a chunk has
// points of it.
//
// A chunk that is full or old is compacted: a segment replaces its rows, with the same rows in
// compressed columns and with indexes. Readers decode only the blocks of it that the indexes do not
// exclude, and match each row against the query, as they do for the rows of the head.
//
// A row never changes once it is stored. Readers lock a chunk only to get the published part of it,
// and then read without a lock, so a slow reader never delays a writer. What a reader still uses
// stays in memory until the reader releases it, even if it is evicted.
//
// # Files
//
//   - store.go, claim.go, signal.go: the Store, the right to fill it, and what it needs to know about each signal
//   - log.go, chain*.go, chunk*.go, view.go: logs of rows, their chunks, and views that need no lock
//   - selection.go, search.go: which blocks and rows match a query
//   - page.go, traces.go, tail*.go: the queries for rows: pages, traces, live tails
//   - aggregate*.go: aggregations of metric points
//   - discover_*.go: the queries for what there is: services, operations, calls, labels, counts,
//     comparisons, changes
//   - point*.go, registry.go, series*.go: metric points, and the registry of their series
//   - profile*.go: profiles
//   - directory*.go, journal.go, durab*.go, damage.go: the directory: files, the
//     write-ahead log, recovery, damaged files
//   - retire.go, cardinality.go, stats.go, panics.go: eviction by age, and figures for operators
//
// The packages below are independent of Store. In import order: disk and wal write files; colenc,
// intern, budget and ngram are building blocks; segmentfile is the format of a file; rowcode encodes
// rows for the write-ahead log; segment holds compacted chunks, with their labels, indexes and the
// search in them; aggregate and profiles.
package store
