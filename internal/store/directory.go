// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tapio/tapio/internal/panics"
	"github.com/tapio/tapio/internal/store/disk"
	"github.com/tapio/tapio/internal/store/lastseq"
	"github.com/tapio/tapio/internal/store/segmentfile"
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
	*fileSet
	ahead *writeAheadLog

	lock   disk.Lock
	seen   *lastseq.File // sequences that readers may have seen, nil where they are not kept
	logs   []durable
	panics *panicReport
	epoch  uint64

	wake     chan struct{}
	flush    chan struct{} // as wake, with the rows of open chunks
	stop     chan struct{}
	done     sync.WaitGroup
	retry    time.Time
	reserved map[string]uint64 // sequences that the state names, by signal

	busy    sync.Mutex    // held while files are written
	paused  bool          // after a checkpoint, which must stay the last word
	writes  atomic.Uint64 // that failed
	failing atomic.Bool   // the latest write failed
	// incomplete is set from the time that the directory was found removed until all
	// that is in memory is written to the new one.
	incomplete atomic.Bool
}

// openDirectory locks a directory, which it makes if need be.
func openDirectory(o DirectoryOptions, logs []durable) (*directory, error) {
	d := &directory{
		fileSet: &fileSet{fs: o.FS, path: o.Path, report: o.Report, sizes: map[string]int64{}},
		ahead:   &writeAheadLog{logs: logs, durability: o.Durability}, logs: logs,
		wake: make(chan struct{}, 1), flush: make(chan struct{}, 1), stop: make(chan struct{}),
		reserved: map[string]uint64{},
	}
	d.fileSet.failed, d.ahead.files, d.ahead.halfFull = d.failed, d.fileSet, d.flushSoon
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
		err = errors.Join(d.reserve(), d.writePending(open), d.ahead.trim())
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
	if w := d.ahead.log.Load(); w != nil {
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

func (d *directory) write(l durable, m *segmentfile.Image) error {
	name := fileName(l.name(), m.Header.First)
	length, err := disk.Replace(d.fs, filepath.Join(d.path, name), m.WriteTo)
	if err != nil {
		return err
	}
	if !l.written(m.Header.First, int(m.Header.Count)) {
		d.remove(name)
		return nil
	}
	d.note(name, length)
	return nil
}

// removeDoomed removes the files of chunks that are evicted.
func (d *directory) removeDoomed() {
	for _, l := range d.logs {
		for _, first := range l.takeDoomed() {
			d.remove(fileName(l.name(), first))
		}
	}
}
