// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package query defines what every storage backend can answer: the Reader
// interface and its parts. The API of the tapio extension depends on it, the
// in-memory store implements it. It imports the data model only.
//
// Rules for all methods, unless one says otherwise:
//
//   - Ownership: what a method returns is immutable and may be kept. Rows share
//     resources, scopes and series with the backend and with other readers; callers
//     MUST NOT change them. Slices of an answer are the caller's own.
//   - Empty answers: a query that selects nothing returns an empty answer and no
//     error.
//   - Errors: the context's error if it ended; a *model.FieldError if the query is
//     wrong, whose field names the part of the request; a *model.ExhaustedError if
//     the answer would take more memory than a query may hold. Any other error means
//     that the backend failed: nothing that was returned with it counts.
//   - Sources: a reader that puts several sources together answers from those that
//     answer in time, and reports the others with AddNote.
//   - Time: queries select by event time. A zero bound of a range is open.
//   - Concurrency: methods are safe for concurrent use and MUST NOT delay writers.
package query
