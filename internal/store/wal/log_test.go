// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package wal

import (
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/tapio/tapio/internal/store/disk"
	"github.com/tapio/tapio/internal/store/disk/disktest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const folder = "/store"

func newDisk(t testing.TB) *disktest.Memory {
	t.Helper()
	m := disktest.New()
	require.NoError(t, m.MkdirAll(folder))
	return m
}

// troubles collects what a log reports.
type troubles struct {
	mu   sync.Mutex
	list []error
}

func (r *troubles) report(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = append(r.list, err)
}

func options(fs disk.FS, sync bool) Options {
	return Options{
		FS: fs, Path: folder, Sync: sync, FileBytes: 4 << 10, MaxBytes: 1 << 20,
		Half: func() {}, Report: func(error) {},
	}
}

func payload(n uint64) []byte { return fmt.Appendf(nil, "rows from %d on", n) }

// found are the first sequences of the records on a disk, file by file.
func found(t testing.TB, fs disk.FS) (firsts []uint64, damages []error) {
	t.Helper()
	entries, err := fs.List(folder)
	require.NoError(t, err)
	for _, e := range entries {
		if _, is := NumberOf(e.Name); !is {
			continue
		}
		data, err := disk.ReadAll(fs, filepath.Join(folder, e.Name), 1<<30)
		require.NoError(t, err)
		if err := Read(data, func(h Header, got []byte) error {
			require.Equal(t, payload(h.First), got)
			firsts = append(firsts, h.First)
			return nil
		}); err != nil {
			damages = append(damages, err)
		}
	}
	return firsts, damages
}

func appendRecord(l *Log, signal uint8, first uint64) error {
	ticket, err := l.Append(Header{Signal: signal, Count: 1, First: first, Arrived: 5}, payload(first))
	if err != nil {
		return err
	}
	return ticket.Wait()
}

// Whatever moment the power fails at, what was acknowledged is on the disk.
func TestWhatIsAcknowledgedIsOnTheDisk(t *testing.T) {
	m := newDisk(t)
	l := Start(options(m, true), nil)
	var next atomic.Uint64
	var writers sync.WaitGroup
	for range 8 {
		writers.Go(func() {
			for range 100 {
				first := next.Add(1)
				assert.NoError(t, appendRecord(l, 0, first))
				if first%16 == 0 {
					firsts, damages := found(t, m.PowerLoss())
					assert.Contains(t, firsts, first)
					assert.Empty(t, damages)
				}
			}
		})
	}
	writers.Wait()
	firsts, damages := found(t, m.PowerLoss())
	assert.Len(t, firsts, 800)
	assert.Empty(t, damages)
	assert.Greater(t, len(m.Names()), 5, "files end at their size")
	require.NoError(t, l.Close())
}

// heldDisk holds syncs until it is asked to go on.
func heldDisk(m *disktest.Memory) (begun chan struct{}, goOn chan struct{}) {
	begun, goOn = make(chan struct{}), make(chan struct{})
	m.SetFault(func(op, _ string) error {
		if op == "Sync" {
			begun <- struct{}{}
			<-goOn
		}
		return nil
	})
	return begun, goOn
}

// One sync serves all who wait, and none returns before it is done.
func TestASyncServesAllThatWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newDisk(t)
		l := Start(options(m, true), nil)
		require.NoError(t, appendRecord(l, 0, 51)) // makes the file
		before := l.Stats().Syncs
		begun, goOn := heldDisk(m)
		var acknowledged atomic.Int64
		write := func(first uint64) {
			assert.NoError(t, appendRecord(l, 0, first))
			acknowledged.Add(1)
		}
		go write(1)
		<-begun
		for first := uint64(2); first <= 50; first++ {
			go write(first)
		}
		synctest.Wait()
		assert.Zero(t, acknowledged.Load())
		goOn <- struct{}{}
		<-begun
		synctest.Wait()
		assert.EqualValues(t, 1, acknowledged.Load())
		goOn <- struct{}{}
		synctest.Wait()
		assert.EqualValues(t, 50, acknowledged.Load())
		assert.EqualValues(t, 2, l.Stats().Syncs-before)
		m.SetFault(nil)
		require.NoError(t, l.Close())
	})
}

// Without Sync no one waits, and a second later the records are on the disk.
func TestWithoutSyncASecondIsLostAtMost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newDisk(t)
		l := Start(options(m, false), nil)
		for first := uint64(1); first <= 500; first++ {
			require.NoError(t, appendRecord(l, 0, first))
			time.Sleep(7 * time.Millisecond)
			firsts, damages := found(t, m.PowerLoss())
			require.GreaterOrEqual(t, len(firsts), int(first)-int(time.Second/(7*time.Millisecond)))
			require.Empty(t, damages)
			firsts, _ = found(t, m.Kill())
			require.GreaterOrEqual(t, len(firsts), int(first)-int(2*writeEvery/(7*time.Millisecond)))
		}
		time.Sleep(time.Second)
		firsts, _ := found(t, m.PowerLoss())
		assert.Len(t, firsts, 500, "a pause does not keep them")
		assert.Less(t, m.Syncs(), 50, "but they are synced together")
		require.NoError(t, l.Close())
	})
}

// Files go once the rows of every signal in them are safe, and not before.
func TestFilesGoOnceTheirRowsAreSafe(t *testing.T) {
	m := newDisk(t)
	l := Start(options(m, true), nil)
	for first := uint64(1); first <= 400; first++ {
		require.NoError(t, appendRecord(l, uint8(first%2), first))
	}
	require.NoError(t, l.Trim([Signals]uint64{300, 399}, nil))
	firsts, _ := found(t, m)
	assert.Contains(t, firsts, uint64(302))
	assert.Less(t, len(firsts), 200)
	assert.EqualValues(t, sizes(t, m), l.Stats().Bytes)
	require.NoError(t, l.Trim([Signals]uint64{400, 399}, nil))
	firsts, _ = found(t, m)
	assert.Empty(t, firsts)
	assert.Zero(t, l.Stats().Bytes)
	require.NoError(t, appendRecord(l, 0, 401))
	firsts, _ = found(t, m.PowerLoss())
	assert.Equal(t, []uint64{401}, firsts)
	require.NoError(t, l.Close())
	assert.Len(t, l.Files(), 1)
}

func sizes(t *testing.T, m *disktest.Memory) (bytes int64) {
	t.Helper()
	entries, err := m.List(folder)
	require.NoError(t, err)
	for _, e := range entries {
		bytes += e.Size
	}
	return bytes
}

// The bound holds: who appends waits for the store to write its rows, and is refused
// if it cannot.
func TestALogStaysWithinItsBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newDisk(t)
		o := options(m, true)
		o.MaxBytes = 20 << 10
		half := make(chan struct{}, 1)
		o.Half = func() {
			select {
			case half <- struct{}{}:
			default:
			}
		}
		l := Start(o, nil)
		var acknowledged atomic.Uint64
		var stopped error
		go func() {
			for first := uint64(1); stopped == nil; first++ {
				if stopped = appendRecord(l, 0, first); stopped == nil {
					acknowledged.Store(first)
				}
			}
		}()
		synctest.Wait()
		<-half
		waits := acknowledged.Load()
		assert.LessOrEqual(t, sizes(t, m), o.MaxBytes)
		assert.Greater(t, waits, uint64(100))
		require.NoError(t, l.Trim([Signals]uint64{waits}, nil))
		synctest.Wait()
		assert.Greater(t, acknowledged.Load(), waits)
		l.SetStuck(true)
		synctest.Wait()
		require.ErrorIs(t, stopped, errFull)
		assert.LessOrEqual(t, sizes(t, m), o.MaxBytes)
		require.NoError(t, l.Close())
	})
}

func TestAClosedLogRefuses(t *testing.T) {
	l := Start(options(newDisk(t), false), nil)
	require.NoError(t, l.Close())
	require.ErrorIs(t, appendRecord(l, 0, 1), errClosed)
}
