// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/model"
)

// A chunk that fills slowly has few pieces, and its rows are written a few times.
func TestPiecesAreFewAndRarelyWrittenAgain(t *testing.T) {
	var f chunkFiles
	const flushes = 1 << 10
	files, written := map[uint64]int{}, 0
	for n := 1; n <= flushes; n++ {
		from := f.nextPiece(n)
		p := filePiece{first: uint64(from) + 1, count: n - from}
		files[p.first] = p.count
		written += p.count
		for _, first := range f.written(p, false) {
			require.Contains(t, files, first)
			delete(files, first)
		}
		require.Equal(t, n, f.covered())
		require.Len(t, files, len(f.pieces))
		require.LessOrEqual(t, len(files), 11) // 1 + log2 of the flushes
	}
	assert.LessOrEqual(t, written, 11*flushes)
	for _, first := range f.written(filePiece{first: 1, count: flushes}, true) {
		delete(files, first)
	}
	assert.Equal(t, map[uint64]int{1: flushes}, files, "the first piece has become the chunk's file")
	assert.Equal(t, fileKept, f.state)
	assert.Equal(t, []uint64{1}, f.all(1))
}

// contents are the rows of a store, of every signal.
type contents struct {
	events   []model.Event
	spans    []model.Span
	points   []model.Point
	profiles []string
}

func contentsOf(t *testing.T, s *Store) contents {
	t.Helper()
	return contents{everyEvent(t, s), everySpan(t, s), storedPoints(s), storedProfiles(t, s)}
}

func requireEqualContents(t *testing.T, want, got contents) {
	t.Helper()
	require.Len(t, got.events, len(want.events))
	for i := range want.events {
		require.Equal(t, want.events[i].ID, got.events[i].ID)
		requireEqualEvents(t, &want.events[i], &got.events[i])
	}
	require.Len(t, got.spans, len(want.spans))
	for i := range want.spans {
		requireEqualSpans(t, &want.spans[i], &got.spans[i])
	}
	require.Len(t, got.points, len(want.points))
	for i := range want.points {
		requireEqualPoints(t, &want.points[i], &got.points[i])
	}
	require.Equal(t, want.profiles, got.profiles)
}

func appendAll(s *Store, random *rand.Rand, n int) {
	s.AppendEvents(richEvents(random, n))
	s.AppendSpans(richSpans(random, n))
	s.AppendPoints(richPoints(random, n))
	_, _ = s.AppendProfiles(richProfiles(random, n)) // fails with sync only
}

// Rows of open chunks are in files after a flush, for every signal.
func TestAfterACrashFlushedRowsAreThere(t *testing.T) {
	path, r := t.TempDir(), &troubles{}
	s := open(t, path, diskLimits(), r)
	random := rand.New(rand.NewPCG(11, 11))
	for n := range 9 {
		appendAll(s, random, 20*(n%3+1))
		s.directory.catchUp(true)
		requireEqualContents(t, contentsOf(t, s), contentsOf(t, open(t, crash(t, s, path), diskLimits(), r)))
	}
	files, err := filepath.Glob(filepath.Join(path, "*"+fileSuffix))
	require.NoError(t, err)
	assert.LessOrEqual(t, len(files), 3*4+1)

	s.events.compactAll()
	s.spans.compactAll()
	s.points.compactAll()
	s.profiles.compactAll()
	s.directory.catchUp(false)
	s.directory.catchUp(false) // removes what the files of the chunks have replaced
	files, err = filepath.Glob(filepath.Join(path, "*"+fileSuffix))
	require.NoError(t, err)
	assert.Len(t, files, 4, "one of each signal")
	requireEqualContents(t, contentsOf(t, s), contentsOf(t, open(t, crash(t, s, path), diskLimits(), r)))
	assert.Empty(t, r.all())
}

// A crash may come when a file is written and the pieces it replaces are still there.
func TestAPieceBesideItsReplacementIsRemoved(t *testing.T) {
	path, r := t.TempDir(), &troubles{}
	s := open(t, path, diskLimits(), r)
	random := rand.New(rand.NewPCG(12, 12))
	appendAll(s, random, 100)
	s.directory.catchUp(true)
	appendAll(s, random, 20)
	s.directory.catchUp(true)
	before := crash(t, s, path) // two pieces
	appendAll(s, random, 200)
	s.directory.catchUp(true)
	after := crash(t, s, path) // one that replaces both
	for _, signal := range []string{"logs", "traces", "metrics"} {
		piece := fileName(signal, 101)
		data, err := os.ReadFile(filepath.Join(before, piece))
		require.NoError(t, err)
		require.NoFileExists(t, filepath.Join(after, piece))
		require.NoError(t, os.WriteFile(filepath.Join(after, piece), data, 0o600))
	}
	again := open(t, after, diskLimits(), r)
	requireEqualContents(t, contentsOf(t, s), contentsOf(t, again))
	assert.NoFileExists(t, filepath.Join(after, fileName("metrics", 101)))
	assert.Empty(t, r.all())
}

// Pieces go with their chunk.
func TestPiecesOfEvictedRowsAreRemoved(t *testing.T) {
	path, r := t.TempDir(), &troubles{}
	s := open(t, path, diskLimits(), r)
	random := rand.New(rand.NewPCG(13, 13))
	for n := range 3 {
		appendAll(s, random, 90>>n)
		s.directory.catchUp(true)
	}
	s.SetLimits(Limits{})
	s.directory.catchUp(true)
	files, err := filepath.Glob(filepath.Join(path, "*"+fileSuffix))
	require.NoError(t, err)
	assert.Empty(t, files)
	assert.Empty(t, r.all())
}
