// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package federation answers from several readers as if they were one: rows are merged
// in their order under one page token, counts are added up, and percentiles are those
// of the values, buckets or rows of all members, never of their percentiles.
//
// A member that does not answer in time, or fails, is left out and reported with
// query.AddNote. It is not asked again while the same request is answered.
package federation
