// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package tiered implements query.Reader from two others: a recent one, which holds all
// that arrived since some time, and an older one, which holds what came before, too. Each
// answer takes what is before the seam between them from the older reader, and the rest
// from the recent one. The seam stays where it was on the first page of a query for as
// long as the recent reader holds what is behind it.
//
// An answer that needs the older reader is put together as one of a federation is: a
// reader that fails or is late is reported with query.AddNote, and the answer has what the
// other one holds. Which of them took part is reported with query.AddSource.
package tiered
