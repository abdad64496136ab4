// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/store/disk/disktest"
)

// A disk that is full refuses with sync, stores in memory without, and is reported.
func TestAFullDiskIsReported(t *testing.T) {
	for _, durability := range []Durability{DurabilityNone, DurabilityAsync, DurabilitySync} {
		t.Run(durability.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				disk, r := disktest.New(), &troubles{}
				s := openOn(t, disk, durability, r)
				disk.SetCapacity(1)
				_, err := s.AppendEvents(events(1, 10))
				assert.Equal(t, durability == DurabilitySync, err != nil)
				time.Sleep(2 * flushOpen)
				if durability == DurabilitySync {
					require.ErrorContains(t, err, "no space left on device")
					assert.Zero(t, s.Stats()[0].Rows, "what is refused is not stored")
				} else {
					assert.EqualValues(t, 10, s.Stats()[0].Rows)
				}
				require.ErrorContains(t, s.Checkpoint(), "no space left on device")
				if durability != DurabilityNone {
					assert.True(t, s.Directory().Log.Failing)
					assert.EqualValues(t, 10, s.Directory().Log.Dropped)
				}
				assert.True(t, s.Directory().Failing)
				assert.Contains(t, r.all(), "no space left on device")

				disk.SetCapacity(0)
				s.Resume(durability, diskLimits())
				time.Sleep(2 * flushOpen)
				_, err = s.AppendEvents(events(1, 10))
				require.NoError(t, err)
				time.Sleep(2 * flushOpen)
				assert.False(t, s.Directory().Failing)
				want := contentsOf(t, s)
				requireEqualContents(t, want, contentsOf(t, openOn(t, disk.Kill(), durability, r)))
			})
		})
	}
}

// A directory that is removed is made again, and holds all that the memory does.
func TestARemovedDirectoryIsMadeAgain(t *testing.T) {
	for _, durability := range []Durability{DurabilityNone, DurabilityAsync, DurabilitySync} {
		t.Run(durability.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				disk, r := disktest.New(), &troubles{}
				s := openOn(t, disk, durability, r)
				random := rand.New(rand.NewPCG(25, 25))
				appendAcknowledged(t, s, random, 50)
				time.Sleep(2 * flushOpen)
				appendAcknowledged(t, s, random, 20)
				s.events.compactAll()
				disk.RemoveAll(onDisk)
				time.Sleep(2 * flushOpen)
				appendAcknowledged(t, s, random, 10)
				time.Sleep(2 * flushOpen)
				assert.False(t, s.Directory().Failing)
				assert.Contains(t, r.all(), "was removed")
				want := contentsOf(t, s)
				requireEqualContents(t, want, contentsOf(t, openOn(t, disk.PowerLoss(), durability, r)))
			})
		})
	}
}

// While records of the removed directory are missing in the new one, the store does not
// count as healthy: a kill would lose them.
func TestARemovedDirectoryFailsUntilItIsComplete(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk, r := disktest.New(), &troubles{}
		s := openOn(t, disk, DurabilitySync, r)
		_, err := s.AppendEvents(events(1, 100))
		require.NoError(t, err)
		time.Sleep(2 * flushOpen)
		disk.RemoveAll(onDisk)
		var during []bool
		disk.SetFault(func(op, path string) error {
			if op == "Write" && strings.Contains(path, fileSuffix) {
				during = append(during, s.Directory().Failing)
			}
			return nil
		})
		time.Sleep(2 * flushOpen)
		disk.SetFault(nil)
		require.NotEmpty(t, during)
		assert.NotContains(t, during, false)
		assert.False(t, s.Directory().Failing)
	})
}

// One that cannot be made again is reported, at the stop, too.
func TestARemovedDirectoryThatCannotBeMadeIsReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk, r := disktest.New(), &troubles{}
		s := openOn(t, disk, DurabilitySync, r)
		_, err := s.AppendEvents(events(1, 10))
		require.NoError(t, err)
		disk.RemoveAll(onDisk)
		disk.SetFault(func(op, _ string) error {
			if op == "MkdirAll" {
				return errors.New("read-only file system")
			}
			return nil
		})
		_, err = s.AppendEvents(events(11, 10))
		require.Error(t, err, "it is on no disk")
		time.Sleep(2 * flushOpen)
		assert.True(t, s.Directory().Failing)
		require.ErrorContains(t, s.Checkpoint(), "failed to write 10 records to "+onDisk+": read-only file system")
	})
}

// Rows whose write failed leave a gap, not a wrong sequence.
func TestAFailedWriteLeavesAGap(t *testing.T) {
	disk, r := disktest.New(), &troubles{}
	s := openOn(t, disk, DurabilitySync, r)
	_, err := s.AppendEvents(events(1, 5))
	require.NoError(t, err)
	disk.SetFault(func(op, path string) error {
		if op == "Sync" && strings.Contains(path, "wal-") {
			return errors.New("input/output error")
		}
		return nil
	})
	_, err = s.AppendEvents(events(6, 5))
	require.ErrorContains(t, err, "input/output error")
	disk.SetFault(nil)
	require.Eventually(t, func() bool {
		_, err := s.AppendEvents(events(11, 5))
		return err == nil
	}, time.Minute, 10*time.Millisecond)
	want := everyEvent(t, s)
	require.Len(t, want, 10)
	got := everyEvent(t, openOn(t, disk.PowerLoss(), DurabilitySync, r))
	require.Equal(t, seqs(want), seqs(got))
}

// pause keeps the background from writing, for which a slow machine leaves it time.
func (d *directory) pause(paused bool) {
	d.busy.Lock()
	defer d.busy.Unlock()
	d.paused = paused
}
