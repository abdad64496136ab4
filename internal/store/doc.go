// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package store keeps telemetry in memory within fixed bounds of bytes and age.
//
// Log records and spans are kept alike, by one generic mechanism: a log is a row
// of chunks, the newest of which is written. When the bound of bytes or of age
// is reached, the oldest chunk goes as a whole, and with it everything that was
// made for it: its index and its copies of resources and scopes. So the accounts
// are exact and nothing outlives the rows. Metric points are kept by series
// (pointLog): their chunks share one registry, where a series lives as long as
// a chunk has points of it.
//
// A chunk that is full or old is compacted: a segment takes the place of its rows,
// with the same rows in compressed columns and with indexes. Readers restore
// blocks of it, those that the indexes do not rule out, and put each row to the
// query that they put the rows of the head to.
//
// A row never changes once it is stored. Readers take the published part of a
// chunk under a lock that they hold for moments only, and then read without
// one; a reader, however slow, never holds up a writer. What a reader still
// looks at stays in memory until it lets go, even when it is evicted.
package store
