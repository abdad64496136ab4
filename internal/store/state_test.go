// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// No flipped bit of a state goes unnoticed.
func TestEveryFlippedBitOfTheStateIsNoticed(t *testing.T) {
	s := state{
		Version: stateVersion, Epoch: 12345678901234567, Durability: "sync",
		Last: map[string]uint64{"logs": 1 << 20, "traces": 1234567, "metrics": 7},
	}
	whole, err := s.encode()
	require.NoError(t, err)
	got, err := decodeState(whole)
	require.NoError(t, err)
	assert.Equal(t, s.Last, got.Last)
	for bit := range 8 * len(whole) {
		data := slices.Clone(whole)
		data[bit/8] ^= 1 << (bit % 8)
		_, err := decodeState(data)
		require.Error(t, err, "bit %d: %s", bit, data)
	}
}

func TestAStateOfANewerReleaseIsLeftAlone(t *testing.T) {
	path, r := t.TempDir(), &troubles{}
	data, err := state{Version: stateVersion + 1, Epoch: 1, Last: map[string]uint64{}}.encode()
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(path, stateName), data, 0o600))
	_, err = Open(diskLimits(), time.Now, DirectoryOptions{Path: path, Report: r.report})
	require.ErrorContains(t, err, "was written by a newer release: its format is version 5, this server reads 1 to 4")
	kept, err := os.ReadFile(filepath.Join(path, stateName))
	require.NoError(t, err)
	assert.Equal(t, data, kept)
}

// testdata/release-0.1 was written by the release before the write-ahead log, at
// commit 4af9002.
func TestADirectoryOfThePreviousReleaseOpens(t *testing.T) {
	path, r := t.TempDir(), &troubles{}
	require.NoError(t, os.CopyFS(path, os.DirFS(filepath.Join("testdata", "release-0.1"))))
	s := open(t, path, diskLimits(), r)
	got := contentsOf(t, s)
	assert.Len(t, got.events, 60)
	assert.Len(t, got.spans, 60)
	assert.Len(t, got.points, 60)
	before, err := os.ReadFile(filepath.Join("testdata", "release-0.1", stateName))
	require.NoError(t, err)
	was, err := decodeState(before)
	require.NoError(t, err)
	assert.Equal(t, was.Epoch, s.Epoch())
	for i, stats := range s.Stats() {
		assert.Equal(t, was.Last[stats.Signal], s.Stats()[i].LastSeq)
	}
	assert.Empty(t, r.all())
	requireEqualContents(t, got, contentsOf(t, reopen(t, s, path, diskLimits(), r)))
}
