// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/store/disk/disktest"
	"github.com/tapio/tapio/internal/store/wal"
)

const onDisk = "/store"

func openOn(t *testing.T, disk *disktest.Memory, durability Durability, r *troubles) *Store {
	t.Helper()
	s, err := Open(diskLimits(), time.Now, DirectoryOptions{Path: onDisk, Durability: durability, Report: r.report, FS: disk})
	require.NoError(t, err)
	t.Cleanup(s.Close)
	return s
}

func appendAcknowledged(t *testing.T, s *Store, random *rand.Rand, n int) {
	t.Helper()
	_, err := s.AppendEvents(richEvents(random, n))
	require.NoError(t, err)
	_, err = s.AppendSpans(richSpans(random, n))
	require.NoError(t, err)
	_, err = s.AppendPoints(richPoints(random, n))
	require.NoError(t, err)
	_, err = s.AppendProfiles(richProfiles(random, n))
	require.NoError(t, err)
}

// The power fails again and again. Nothing that was acknowledged is lost, ids and
// sequences stay, and no sequence is passed over.
func TestWithSyncNothingAcknowledgedIsLost(t *testing.T) {
	disk, r := disktest.New(), &troubles{}
	random := rand.New(rand.NewPCG(21, 21))
	s := openOn(t, disk, DurabilitySync, r)
	for n := range 8 {
		appendAcknowledged(t, s, random, 30+n)
		if n%3 == 1 {
			s.directory.catchUp(true) // some rows are in files, too
		}
		appendAcknowledged(t, s, random, 20)
		want, last := contentsOf(t, s), s.Stats()
		disk = disk.PowerLoss()
		again := openOn(t, disk, DurabilitySync, r)
		requireEqualContents(t, want, contentsOf(t, again))
		for i, stats := range again.Stats() {
			assert.Equal(t, last[i].LastSeq, stats.LastSeq)
			assert.Equal(t, last[i].Newest, stats.Newest)
		}
		assert.Equal(t, s.Epoch(), again.Epoch())
		rows, loss, _ := again.TailEvents(model.EventQuery{}, model.Start{Resume: true, After: last[0].LastSeq - 5}).Poll(10)
		assert.Len(t, rows, 5)
		assert.Zero(t, loss, "a reader that resumes has missed nothing")
		assert.Empty(t, logFiles(disk), "what was replayed is in files of its own")
		s = again
	}
	assert.Empty(t, r.all())
}

func logFiles(disk *disktest.Memory) (names []string) {
	for _, name := range disk.Names() {
		if _, found := wal.NumberOf(filepath.Base(name)); found {
			names = append(names, name)
		}
	}
	return names
}

// Many write at once; the power fails at some moment.
func TestWithSyncConcurrentWritersLoseNothing(t *testing.T) {
	disk, r := disktest.New(), &troubles{}
	s := openOn(t, disk, DurabilitySync, r)
	var acknowledged [8]atomic.Int64
	var writers sync.WaitGroup
	enough := make(chan struct{})
	for w := range acknowledged {
		writers.Go(func() {
			for n := 0; n < 200; n++ {
				rows := events(n, 3)
				for i := range rows {
					rows[i].Attributes = attributes("writer", string(rune('a'+w)))
				}
				if _, err := s.AppendEvents(rows); err == nil {
					acknowledged[w].Add(3)
				}
				if w == 0 && n == 100 {
					close(enough)
				}
			}
		})
	}
	<-enough
	var atLeast [len(acknowledged)]int64
	for w := range acknowledged {
		atLeast[w] = acknowledged[w].Load()
	}
	after := disk.PowerLoss()
	writers.Wait()
	again := openOn(t, after, DurabilitySync, r)
	var got [len(acknowledged)]int64
	rows := everyEvent(t, again)
	for i := range rows {
		name, _ := rows[i].Attributes.Get("writer")
		got[name.Str()[0]-'a']++
	}
	for w := range got {
		assert.GreaterOrEqual(t, got[w], atLeast[w])
	}
	bySeq := seqs(rows)
	slices.Sort(bySeq)
	assert.Len(t, slices.Compact(slices.Clone(bySeq)), len(rows), "no sequence comes twice")
	replayed := map[uint64]model.Nanos{}
	for i := range rows {
		replayed[rows[i].Seq] = rows[i].Time
	}
	for _, row := range everyEvent(t, s) {
		if when, found := replayed[row.Seq]; found {
			require.Equal(t, row.Time, when, "each row has the sequence that it had")
		}
	}
	assert.Empty(t, r.all())
}

func TestWithAsyncASecondIsLostAtMost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk, r := disktest.New(), &troubles{}
		s := openOn(t, disk, DurabilityAsync, r)
		random := rand.New(rand.NewPCG(22, 22))
		appendAcknowledged(t, s, random, 50)
		time.Sleep(time.Second)
		want := contentsOf(t, s)
		appendAcknowledged(t, s, random, 50)
		last := s.Stats()[0].LastSeq
		again := openOn(t, disk.PowerLoss(), DurabilityAsync, r)
		requireEqualContents(t, want, contentsOf(t, again))
		_, err := again.AppendEvents(richEvents(random, 1))
		require.NoError(t, err)
		assert.Greater(t, again.Stats()[0].LastSeq, last, "a sequence that someone may have seen is not given again")
		assert.Empty(t, r.all())
	})
}

// Damage in the log takes the record that it is in, and the file is kept.
func TestDamageInTheLogIsSetAside(t *testing.T) {
	for name, c := range map[string]struct {
		damage func([]byte) []byte
		rows   int
		report string
	}{
		"flipped bit": {func(data []byte) []byte { data[len(data)/2] ^= 8; return data }, 20, "checksum"},
		"torn tail":   {func(data []byte) []byte { return data[:len(data)-3] }, 20, "cut"},
		"not a log":   {func([]byte) []byte { return []byte(strings.Repeat("nonsense", 20)) }, 0, "checksum"},
	} {
		t.Run(name, func(t *testing.T) {
			disk, r := disktest.New(), &troubles{}
			s := openOn(t, disk, DurabilitySync, r)
			for n := range 3 {
				_, err := s.AppendEvents(events(10*n, 10))
				require.NoError(t, err)
			}
			after := disk.PowerLoss()
			file := logFiles(after)
			require.Len(t, file, 1)
			after.Change(file[0], c.damage)
			again := openOn(t, after, DurabilitySync, r)
			assert.EqualValues(t, c.rows, again.Stats()[0].Rows)
			assert.Contains(t, r.all(), file[0]+corruptSuffix)
			assert.Contains(t, r.all(), c.report)
			assert.EqualValues(t, 1, again.Directory().CorruptFiles)
			assert.Contains(t, after.Names(), file[0]+corruptSuffix)
			_, err := again.AppendEvents(events(1, 1))
			require.NoError(t, err)
			require.Equal(t, name == "torn tail", again.Stats()[0].LastSeq == 21,
				"sequences of rows that may have been seen are not given again")
		})
	}
}

// A reload of the configuration changes what holds of the next appends.
func TestAReloadChangesTheDurability(t *testing.T) {
	disk, r := disktest.New(), &troubles{}
	s := openOn(t, disk, DurabilityNone, r)
	random := rand.New(rand.NewPCG(23, 23))
	for _, durability := range []Durability{DurabilitySync, DurabilityAsync, DurabilitySync, DurabilityNone, DurabilitySync} {
		appendAcknowledged(t, s, random, 10)
		require.NoError(t, s.Checkpoint())
		assert.Empty(t, logFiles(disk))
		s.Resume(durability, diskLimits())
	}
	appendAcknowledged(t, s, random, 10)
	requireEqualContents(t, contentsOf(t, s), contentsOf(t, openOn(t, disk.PowerLoss(), DurabilityNone, r)))
	assert.Empty(t, r.all())
}
