// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package query_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/tapio/tapio/internal/query"
)

// What an answer does not need is not missing from it.
func TestASourceThatIsNotNeededIsNotMissing(t *testing.T) {
	ctx, notes := query.WithNotes(t.Context())
	needless := query.WithoutNeedOf(ctx, "clickhouse")
	query.AddNote(needless, query.Note{Source: "clickhouse", State: query.SourceLate})
	assert.Empty(t, notes.List())
	query.AddNote(needless, query.Note{Source: "elasticsearch", State: query.SourceLate})
	query.AddNote(ctx, query.Note{Source: "clickhouse", State: query.SourceLate})
	assert.Len(t, notes.List(), 2)
}
