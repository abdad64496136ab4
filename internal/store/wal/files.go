// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package wal

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/tapio/tapio/internal/store/disk"
)

const (
	namePrefix = "wal-"
	nameSuffix = ".log"
)

// errGone is of a file that someone removed.
var errGone = errors.New("the file of the write-ahead log was removed")

// FileName is the name of a file by its number.
func FileName(number uint64) string { return fmt.Sprintf("%s%020d%s", namePrefix, number, nameSuffix) }

// NumberOf returns the number of a file, false for a file that is not of a log.
func NumberOf(name string) (number uint64, found bool) {
	digits, found := strings.CutPrefix(name, namePrefix)
	if !found {
		return 0, false
	}
	digits, found = strings.CutSuffix(digits, nameSuffix)
	if !found {
		return 0, false
	}
	number, err := strconv.ParseUint(digits, 10, 64)
	return number, err == nil
}

// OldFile is a file of a log before.
type OldFile struct {
	Number uint64
	Size   int64
	Last   [Signals]uint64 // sequence of each signal's last row in it
	Damage error           // nil: it is whole
}

// files are the files of a log, of which the last one is written.
type files struct {
	log     *Log
	syncDue <-chan time.Time // nil: all is synced; for the writer only

	mu       sync.Mutex
	list     []OldFile // the oldest first
	active   disk.File // nil: the next record begins a file
	marker   uint64
	synced   int64  // bytes of the active file that are on the disk
	unsynced uint32 // rows that are not
	since    time.Time
	next     uint64 // number of the next file
	retry    time.Time
	failure  error
}

func (f *files) start(l *Log, older []OldFile) {
	f.log, f.list, f.next = l, older, 1
	for _, old := range older {
		l.size.Add(old.Size)
		f.next = max(f.next, old.Number+1)
	}
}

func (f *files) size() int64 { return f.log.size.Load() }

// write writes records, each into the current file or into the next one.
func (f *files) write(buffer []byte, starts []span) (bytes int, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(starts) == 0 {
		return 0, nil
	}
	if time.Now().Before(f.retry) {
		return 0, f.failure
	}
	from := 0 // of the records that are to be written with one call
	for i, s := range starts {
		end := len(buffer)
		if i+1 < len(starts) {
			end = starts[i+1].at
		}
		if f.active == nil || f.tail().Size+int64(end-from) > f.log.options.FileBytes && f.tail().Size+int64(s.at-from) > fileHeaderBytes {
			if err := f.writeOut(buffer[from:s.at]); err != nil {
				return 0, err
			}
			from = s.at
			if err := f.begin(); err != nil {
				return 0, f.fail(err)
			}
		}
		finish(buffer[s.at:], f.marker)
		last := &f.tail().Last[s.header.Signal]
		*last = max(*last, s.header.last())
		f.unsynced += s.header.Count
	}
	return len(buffer), f.writeOut(buffer[from:])
}

// tail is the current file.
func (f *files) tail() *OldFile { return &f.list[len(f.list)-1] }

func (f *files) writeOut(records []byte) error {
	if len(records) == 0 {
		return nil
	}
	if _, err := f.active.Write(records); err != nil {
		_ = f.active.Truncate(f.tail().Size) // so that no reader finds half a record
		return f.fail(err)
	}
	f.tail().Size += int64(len(records))
	f.log.size.Add(int64(len(records)))
	if f.syncDue == nil {
		f.syncDue, f.since = time.After(syncEvery), time.Now()
	}
	return nil
}

// begin ends the current file and makes the next.
func (f *files) begin() error {
	if f.active != nil {
		if err := errors.Join(f.syncActive(), f.active.Close()); err != nil {
			return err
		}
		f.active = nil
	}
	name := filepath.Join(f.log.options.Path, FileName(f.next))
	active, err := f.log.options.FS.Create(name)
	if err != nil {
		return err
	}
	f.marker = rand.Uint64()
	n, err := active.Write(appendFileHeader(nil, f.marker, f.next))
	if err == nil {
		err = active.Sync()
	}
	if err == nil {
		err = f.log.options.FS.SyncFolder(f.log.options.Path)
	}
	if err != nil {
		return errors.Join(err, active.Close(), f.log.options.FS.Remove(name))
	}
	f.active, f.synced = active, 0
	f.list = append(f.list, OldFile{Number: f.next, Size: int64(n)})
	f.log.size.Add(int64(n))
	f.next++
	return nil
}

// fail gives the current file up: what is in it stays for a reader.
func (f *files) fail(err error) error {
	f.failure, f.retry = err, time.Now().Add(retryAfter)
	if f.active != nil {
		_ = f.active.Close() // it failed already
		f.active = nil
	}
	f.unsynced, f.syncDue = 0, nil
	return err
}

// giveUp is fail for those who do not hold the lock.
func (f *files) giveUp(err error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.fail(err)
}

// overdue reports whether rows wait for longer than they may.
func (f *files) overdue() bool { return f.syncDue != nil && time.Since(f.since) >= syncEvery }

// sync brings the current file to the disk. If that fails it returns how many rows
// are not there.
func (f *files) sync() (rows uint32, synced bool, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.syncDue = nil
	if f.active == nil || f.unsynced == 0 {
		return 0, false, nil
	}
	rows = f.unsynced
	if err := f.syncActive(); err != nil {
		return rows, false, f.fail(err)
	}
	return 0, true, nil
}

func (f *files) syncActive() error {
	err := f.active.Sync()
	if err == nil && !f.active.Linked() {
		err = errGone
	}
	if err != nil {
		_ = f.active.Truncate(max(f.synced, fileHeaderBytes)) // what may be there or not was refused
		return err
	}
	f.synced, f.unsynced = f.tail().Size, 0
	return nil
}

func (f *files) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.active != nil {
		_ = f.active.Close() // it is synced
		f.active = nil
	}
}

func (f *files) abandon() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.active != nil {
		_ = f.active.Close() // no one finds it any more
	}
	f.active, f.unsynced, f.retry = nil, 0, time.Time{}
	f.log.size.Add(-bytesOf(f.list))
	f.list = nil
}

func (f *files) trim(safe [Signals]uint64, aside func(string, error) error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.active != nil && f.tail().within(safe) {
		_ = f.active.Close() // nothing in it is needed
		f.active, f.unsynced = nil, 0
	}
	before := bytesOf(f.list)
	var err error
	f.list, err = TrimFiles(f.log.options.FS, f.log.options.Path, f.list, safe, aside)
	f.log.size.Add(bytesOf(f.list) - before)
	return err
}

func bytesOf(list []OldFile) (bytes int64) {
	for i := range list {
		bytes += list[i].Size
	}
	return bytes
}

// TrimFiles removes the files of a log that is not written, as Trim does, and
// returns those that are left.
func TrimFiles(fs disk.FS, path string, list []OldFile, safe [Signals]uint64, aside func(name string, damage error) error) (kept []OldFile, err error) {
	for i := range list {
		old := &list[i]
		if old.within(safe) {
			failure := remove(fs, path, old, aside)
			if failure == nil {
				continue
			}
			err = errors.Join(err, failure)
		}
		kept = append(kept, *old)
	}
	return kept, err
}

func remove(files disk.FS, path string, old *OldFile, aside func(string, error) error) error {
	if old.Damage != nil {
		return aside(FileName(old.Number), old.Damage)
	}
	err := files.Remove(filepath.Join(path, FileName(old.Number)))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// within reports whether all rows are up to these sequences.
func (o *OldFile) within(safe [Signals]uint64) bool {
	for signal, last := range o.Last {
		if last > safe[signal] {
			return false
		}
	}
	return true
}
