// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package archive keeps a copy of stored telemetry in an object store, and reads parts of
// it back.
//
// An Archiver follows the store as a live tail does. Records are gathered by signal,
// service and hour of their time. When enough are there, or the oldest has waited long
// enough, each group becomes one object:
//
//	<prefix>/<signal>/<service>/<hour>/<name>.otlp.zst
//
// It is a sequence of blocks, each an OTLP export request compressed with zstd. Then one
// index object is written for each hour, with the place, time range and number of records
// of every block:
//
//	<prefix>/index/<signal>/<hour>/<name>.json.zst
//
// An object without an index is not part of the archive, so that a crash in between leaves
// nothing half. A name is that of the first record: what is written again after a crash
// replaces what was there.
//
// The store is the queue: while the object store is away, records wait there, and those
// that are evicted before they were read are counted as dropped. Nothing is ever deleted
// from the object store; that is left to its lifecycle rules, and readers accept that an
// object of an index is gone.
package archive
