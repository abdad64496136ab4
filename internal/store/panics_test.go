// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"errors"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/store/segment"
)

// A chunk that cannot be compacted keeps its rows as they are, and writing goes on.
func TestAPanicOfTheCompactorKeepsTheRows(t *testing.T) {
	s, _ := newTestStore(t, 64*mebibyte, 0)
	var heard atomic.Int64
	s.OnPanic(func(error) { heard.Add(1) })
	s.events.signal.codec = nil
	const rows = 20 * segment.BlockRows
	for first := 0; first < rows; first += segment.BlockRows {
		require.Zero(t, refusedOf(s.AppendEvents(events(1+first, segment.BlockRows))))
	}
	s.events.compactor.Wait()
	require.Greater(t, len(s.events.chunks), 1)
	assert.EqualValues(t, len(s.events.chunks)-1, heard.Load(), "of each chunk that was closed")
	page, err := s.QueryEvents(t.Context(), model.EventQuery{Paging: model.Paging{Limit: 10}})
	require.NoError(t, err)
	assert.Len(t, page.Rows, 10)
	assert.EqualValues(t, rows, s.Stats()[0].Rows)
}

func TestAPanicOfAPartOfAQueryIsItsError(t *testing.T) {
	err := worked(func() error { panic("part") })
	require.ErrorIs(t, err, errPanicked)
	require.ErrorContains(t, err, "part")
	other := errors.New("other")
	require.ErrorIs(t, worked(func() error { return other }), other)
	var none *panicReport
	none.contain(func() { panic("it is not reported") })
}
