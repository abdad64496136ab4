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
	"github.com/tapio/tapio/internal/store/intern"
	"github.com/tapio/tapio/internal/store/segment"
)

func TestIDsAreNumberedAsTheyCome(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	ids := colenc.NewIDTable(1000, colenc.SpanHash())
	known := intern.NewTable[model.SpanID]()
	for range 5000 {
		var id model.SpanID
		binary.LittleEndian.PutUint64(id[:], r.Uint64N(1000))
		require.Equal(t, known.Place(id), ids.Place(id))
	}
	assert.Equal(t, known.Values, ids.Values)
}

func TestTracesAreFoundHoweverTheyBegin(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	var s segment.Segment
	for range 300 {
		var id model.TraceID
		binary.LittleEndian.PutUint64(id[r.IntN(9):], r.Uint64()) // some begin with zeros
		s.Traces, s.TraceBlocks = append(s.Traces, id), append(s.TraceBlocks, 1)
	}
	s.SortTraces()
	assert.True(t, slices.IsSortedFunc(s.TraceOrder, func(a, b uint16) int { return bytes.Compare(s.Traces[a][:], s.Traces[b][:]) }))
	for i, id := range s.Traces {
		place, blocks := s.FindTrace(id)
		require.Equal(t, id, s.Traces[place], i)
		require.Equal(t, segment.BlockSet(1), blocks)
	}
}
