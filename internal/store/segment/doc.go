// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package segment holds the rows of one signal in compressed columns, with the indexes that
// decide which blocks a query need not read.
//
//   - segment.go, check.go: the segment, and what is checked of one that comes from a file
//   - writer.go, vocabulary.go, fieldvalues.go, postings.go: rows into columns, and the indexes
//   - event.go, span.go: the columns of log records and of spans
//   - loader.go, run.go: blocks back into rows
//   - hint.go, wants.go, labeltest.go, labelplace.go, textscan.go, shortgrams.go: which blocks and
//     rows may match a query
package segment
