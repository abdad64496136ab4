// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package elasticsearch implements query.Reader over the data streams of log records that
// the Elasticsearch exporter of OpenTelemetry Collector Contrib writes in its OTel mapping.
// It only reads; the privilege "read" and "view_index_metadata" of the indices are enough.
// Other signals are not read: queries for them are errors.ErrUnsupported.
//
// A query of the API becomes a condition in the query language of the server that holds for
// all selected records. Where it holds for others too, since the server has no such
// comparison, the records are matched again here. Counts, facets and lists come from
// aggregations of the server if the condition is exact, else from the records themselves,
// of which one query reads MaxRecords at most.
//
// The server knows times to the millisecond, and the place of a record among those of one
// millisecond by its sequence number in its shard. Here records are in the order of their
// time to the nanosecond and then of that number. docs/how-to/elasticsearch.md lists what
// the documents do not keep.
package elasticsearch
