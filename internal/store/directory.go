// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tapio/tapio/internal/panics"
	"github.com/tapio/tapio/internal/store/disk"
	"github.com/tapio/tapio/internal/store/lastseq"
	"github.com/tapio/tapio/internal/store/wal"
)

const (
	// flushEvery is how often the directory is brought up to date where nothing
	// wakes it.
	flushEvery = time.Second
	// flushOpen is how often rows are written whose chunk is not full yet.
	flushOpen = 10 * time.Second
	// retryAfter is how long a failed write waits for the next try.
	retryAfter = 5 * time.Second

	fileSuffix    = ".segment"
	tmpSuffix     = disk.TemporarySuffix
	corruptSuffix = ".corrupt"
	stateName     = "state.json"
	seenName      = "sequences"
	lockName      = "lock"
)

// directory keeps the rows of a store in files: a compacted chunk in one, and what an
// open chunk holds in pieces. It is behind the memory by flushOpen and by what is
// not written yet; a chunk that is evicted from memory takes its files along, so
// that the bounds of the store are those of the disk. One goroutine writes, and no
// one waits for it.
type directory struct {
	fs     disk.FS
	path   string
	lock   disk.Lock
	seen   *lastseq.File // sequences that readers may have seen, nil where they are not kept
	logs   []durable
	report func(problem string, err error)
	panics *panicReport
	epoch  uint64

	durability Durability // changed while nothing is appended
	logBytes   int64      // bound of the write-ahead log
	log        atomic.Pointer[wal.Log]
	oldLog     []wal.OldFile // of a log that is not written
	damagedLog bool          // some of the log could not be read at the start

	wake     chan struct{}
	flush    chan struct{} // as wake, with the rows of open chunks
	stop     chan struct{}
	done     sync.WaitGroup
	retry    time.Time
	reserved map[string]uint64 // sequences that the state names, by signal

	busy    sync.Mutex // held while files are written
	paused  bool       // after a checkpoint, which must stay the last word
	sizes   map[string]int64
	bytes   atomic.Int64
	writes  atomic.Uint64 // that failed
	corrupt atomic.Uint64 // files set aside
	damaged atomic.Uint64 // of these, until someone has removed them
	failing atomic.Bool   // the latest write failed
	// incomplete is set from the time that the directory was found removed until all
	// that is in memory is written to the new one.
	incomplete atomic.Bool
}

// openDirectory locks a directory, which it makes if need be.
func openDirectory(o DirectoryOptions, logs []durable) (*directory, error) {
	d := &directory{
		fs: o.FS, path: o.Path, logs: logs, report: o.Report, durability: o.Durability,
		wake: make(chan struct{}, 1), flush: make(chan struct{}, 1), stop: make(chan struct{}),
		reserved: map[string]uint64{}, sizes: map[string]int64{},
	}
	if d.fs == nil {
		d.fs = disk.OS{}
	}
	if err := d.fs.MkdirAll(d.path); err != nil {
		return nil, fmt.Errorf("store::directory: %w: name a directory that this process may write", err)
	}
	if err := d.acquire(); err != nil {
		return nil, err
	}
	if o.FS == nil {
		d.seen, _ = lastseq.Open(filepath.Join(d.path, seenName)) // without it a crash leaves a gap in the sequences
	}
	return d, nil
}

func (d *directory) begin() { d.done.Go(func() { panics.Restart(d.stop, d.run, d.panics.add) }) }

// wakeUp has new files written soon.
func (d *directory) wakeUp() {
	if d == nil {
		return
	}
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// flushSoon has all rows written soon, so that the write-ahead log becomes smaller.
func (d *directory) flushSoon() {
	select {
	case d.flush <- struct{}{}:
	default:
	}
}

func (d *directory) run() {
	ticker, open := time.NewTicker(flushEvery), time.NewTicker(flushOpen)
	defer ticker.Stop()
	defer open.Stop()
	for {
		select {
		case <-d.stop:
			return
		case <-d.wake:
			d.catchUp(false)
		case <-ticker.C:
			d.catchUp(false)
		case <-open.C:
			d.catchUp(true)
		case <-d.flush:
			d.catchUp(true)
		}
	}
}

// catchUp brings the directory up to date, with the rows of open chunks or without.
func (d *directory) catchUp(open bool) {
	d.busy.Lock()
	defer d.busy.Unlock()
	if d.paused {
		return
	}
	again, err := d.makeAgain()
	if !again && time.Now().Before(d.retry) {
		return
	}
	open = open || d.incomplete.Load()
	d.removeDoomed()
	d.setDamagedAside()
	if open {
		d.inspected()
	}
	if err == nil {
		err = errors.Join(d.reserve(), d.writePending(open), d.trimLog())
	}
	if err != nil {
		d.failed(err)
		return
	}
	d.stuck(false)
	d.incomplete.Store(false)
	if d.failing.Swap(false) {
		d.report("The directory of the store can be written again: "+d.path, nil)
	}
}

// stuck sets whether the write-ahead log waits for files to be written.
func (d *directory) stuck(stuck bool) {
	if w := d.log.Load(); w != nil {
		w.SetStuck(stuck)
	}
}

func (d *directory) failed(err error) {
	d.stuck(true)
	d.retry = time.Now().Add(retryAfter)
	d.writes.Add(1)
	if !d.failing.Swap(true) {
		d.report("The store cannot write its directory; it serves from memory and tries again: "+d.path, err)
	}
}

// writePending writes every chunk that is compacted and in no file yet and, with open,
// what the others hold.
func (d *directory) writePending(open bool) error {
	for _, l := range d.logs {
		var upTo uint64
		if open {
			upTo = l.newest() // and no further, for more may come all the while
		}
		for m := l.pending(upTo); m != nil; m = l.pending(upTo) {
			if err := d.write(l, m); err != nil {
				return err
			}
			d.removeDoomed() // makes room meanwhile
		}
	}
	return nil
}

func (d *directory) write(l durable, m *image) error {
	name := fileName(l.name(), m.header.First)
	length, err := disk.Replace(d.fs, filepath.Join(d.path, name), m.writeTo)
	if err != nil {
		return err
	}
	if !l.written(m.header.First, int(m.header.Count)) {
		d.remove(name)
		return nil
	}
	d.note(name, length)
	return nil
}

func fileName(signal string, first uint64) string {
	return fmt.Sprintf("%s-%020d%s", signal, first, fileSuffix)
}

func (d *directory) note(name string, length int64) {
	d.bytes.Add(length - d.sizes[name])
	d.sizes[name] = length
}

// removeDoomed removes the files of chunks that are evicted.
func (d *directory) removeDoomed() {
	for _, l := range d.logs {
		for _, first := range l.takeDoomed() {
			d.remove(fileName(l.name(), first))
		}
	}
}

func (d *directory) remove(name string) {
	if err := d.fs.Remove(filepath.Join(d.path, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		d.failed(err)
	}
	d.bytes.Add(-d.sizes[name])
	delete(d.sizes, name)
}
