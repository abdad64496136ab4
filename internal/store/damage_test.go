// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/store/disk/disktest"
	"github.com/tapio/tapio/internal/store/segmentfile"
)

// damageWithin changes bytes within a section of a segment file, and makes its
// checksum right again.
func damageWithin(t testing.TB, data []byte, random *rand.Rand) []byte {
	t.Helper()
	at := binary.Size(segmentfile.Header{}) + segmentfile.ChecksumBytes
	type place struct{ header, from, to int }
	var places []place
	for at < len(data) {
		var h segmentfile.SectionHeader
		size := binary.Size(h)
		_, err := binary.Decode(data[at:], binary.NativeEndian, &h)
		require.NoError(t, err)
		from := at + size + segmentfile.ChecksumBytes
		if h.Length > 0 {
			places = append(places, place{at, from, from + int(h.Length)})
		}
		at = from + int(h.Length)
	}
	p := places[random.IntN(len(places))]
	for range 1 + random.IntN(3) {
		data[p.from+random.IntN(p.to-p.from)] ^= byte(1 + random.IntN(255))
	}
	var h segmentfile.SectionHeader
	_, err := binary.Decode(data[p.header:], binary.NativeEndian, &h)
	require.NoError(t, err)
	h.Sum = segmentfile.Checksum(data[p.from:p.to])
	var header bytes.Buffer
	_, err = segmentfile.WriteSummed(&header, &h)
	require.NoError(t, err)
	copy(data[p.header:], header.Bytes())
	return data
}

// Files that are damaged though their checksums are right neither hang a start nor
// fail a query; the rest is served.
func TestDamageBehindARightChecksumIsContained(t *testing.T) {
	disk, r := disktest.New(), &troubles{}
	s := openOn(t, disk, DurabilityNone, r)
	for range 2 {
		appendAcknowledged(t, s, rand.New(rand.NewPCG(31, 31)), 40)
		require.NoError(t, s.Checkpoint())
		s.Resume(DurabilityNone, diskLimits())
	}
	require.NoError(t, s.Checkpoint())
	noticed := 0
	for n := range uint64(60) {
		random := rand.New(rand.NewPCG(n, 32))
		after, reports := disk.Kill(), &troubles{}
		for _, signal := range []string{"logs", "traces", "metrics"} {
			after.Change(filepath.Join(onDisk, fileName(signal, 1)), func(data []byte) []byte { return damageWithin(t, data, random) })
		}
		func() {
			defer func() { require.Nil(t, recover(), "seed %d", n) }()
			noticed += queryDamaged(t, after, reports)
		}()
	}
	assert.Positive(t, noticed)
}

// queryDamaged reads all of a damaged store, and returns how many files were set aside.
func queryDamaged(t *testing.T, disk *disktest.Memory, r *troubles) int {
	t.Helper()
	s, err := Open(diskLimits(), time.Now, DirectoryOptions{Path: onDisk, Report: r.report, FS: disk})
	require.NoError(t, err)
	defer s.Close()
	page, err := s.QueryEvents(t.Context(), model.EventQuery{Paging: model.Paging{Limit: 1000}})
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(page.Rows), 40, "those of the whole file")
	for _, tail := range tails(s, model.Start{Last: 1000}) {
		pollAll(t, tail)
	}
	for _, tail := range tails(s, model.Start{Resume: true}) {
		pollAll(t, tail)
	}
	s.directory.catchUp(false)
	stats := s.Directory()
	require.Equal(t, stats.CorruptFiles, stats.DamagedFiles, fmt.Sprint(r.all()))
	return int(stats.CorruptFiles)
}
