// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/store/colenc"
)

func TestIDsAreNumberedAsTheyCome(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	ids := colenc.NewIDTable(1000, colenc.SpanHash())
	known := newTable[model.SpanID]()
	for range 5000 {
		var id model.SpanID
		binary.LittleEndian.PutUint64(id[:], r.Uint64N(1000))
		require.Equal(t, known.Place(id), ids.Place(id))
	}
	assert.Equal(t, known.values, ids.Values)
}

func TestTracesAreFoundHoweverTheyBegin(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	var s segment
	for range 300 {
		var id model.TraceID
		binary.LittleEndian.PutUint64(id[r.IntN(9):], r.Uint64()) // some begin with zeros
		s.traces, s.traceBlocks = append(s.traces, id), append(s.traceBlocks, 1)
	}
	s.sortTraces()
	assert.True(t, slices.IsSortedFunc(s.traceOrder, func(a, b uint16) int { return bytes.Compare(s.traces[a][:], s.traces[b][:]) }))
	for i, id := range s.traces {
		place, blocks := s.findTrace(id)
		require.Equal(t, id, s.traces[place], i)
		require.Equal(t, blockSet(1), blocks)
	}
}
