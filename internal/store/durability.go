// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/tapio/tapio/internal/panics"
	"github.com/tapio/tapio/internal/store/disk"
	"github.com/tapio/tapio/internal/store/wal"
)

// Durability is what a crash may take of the rows that were stored in a directory.
type Durability uint8

const (
	// DurabilityNone is for those of the last 10 s.
	DurabilityNone Durability = iota
	// DurabilityAsync is for those of the last second.
	DurabilityAsync
	// DurabilitySync is for none.
	DurabilitySync
)

// String returns the name that the configuration has.
func (d Durability) String() string {
	switch d {
	case DurabilityAsync:
		return "async"
	case DurabilitySync:
		return "sync"
	default:
		return "none"
	}
}

const (
	// logFileBytes is the size of a file of the write-ahead log.
	logFileBytes = 16 << 20
	// The bytes of all its files: half of what the rows may take in memory, within
	// these bounds.
	minLogBytes = 32 << 20
	maxLogBytes = 256 << 20
)

// logBound is how many bytes the write-ahead log may have.
func logBound(limits Limits) int64 {
	return min(max((limits.Logs+limits.Traces+limits.Metrics)/2, minLogBytes), maxLogBytes)
}

// startLog has all that is appended from now on written to the write-ahead log first.
func (d *directory) startLog() {
	if d.durability == DurabilityNone {
		return
	}
	d.log.Store(wal.Start(wal.Options{
		FS: d.fs, Path: d.path, Sync: d.durability == DurabilitySync,
		FileBytes: logFileBytes, MaxBytes: d.logBytes, Half: d.flushSoon, Report: d.reportLog,
	}, d.oldLog))
	d.oldLog = nil
	for _, l := range d.logs {
		l.setLog(d.log.Load())
	}
}

// stopLog ends the write-ahead log, once nothing is appended any more.
func (d *directory) stopLog() error {
	w := d.log.Swap(nil)
	if w == nil {
		return nil
	}
	for _, l := range d.logs {
		l.setLog(nil)
	}
	err := w.Close()
	d.oldLog = w.Files()
	return err
}

func (d *directory) reportLog(err error) {
	if err == nil {
		d.report("the write-ahead log works again: "+d.path, nil)
		return
	}
	consequence := "records of the last 10 s may be lost in a crash"
	if d.durability == DurabilitySync {
		consequence = "records are refused until it can"
	}
	d.report("failed to write the write-ahead log, "+consequence+": "+d.path, err)
}

// trimLog removes the files of the write-ahead log whose rows are in files of their own.
func (d *directory) trimLog() error {
	var safe [wal.Signals]uint64
	for _, l := range d.logs {
		safe[l.Place()] = l.filed()
	}
	if w := d.log.Load(); w != nil {
		return w.Trim(safe, d.setLogAside)
	}
	var err error
	d.oldLog, err = wal.TrimFiles(d.fs, d.path, d.oldLog, safe, d.setLogAside)
	return err
}

// setLogAside keeps a damaged file of the write-ahead log for inspection.
func (d *directory) setLogAside(name string, damage error) error {
	d.setAside(name, damage)
	d.forgetCorrupt()
	return nil
}

// replayLog stores what the write-ahead log holds and no file of a chunk.
func (d *directory) replayLog() error {
	entries, err := d.fs.List(d.path)
	if err != nil {
		return err
	}
	for _, e := range entries { // in the order of their numbers
		if number, found := wal.NumberOf(e.Name); found {
			old, err := d.replayFile(e, number)
			if err != nil {
				return err
			}
			d.oldLog = append(d.oldLog, old)
		}
	}
	return nil
}

func (d *directory) replayFile(e disk.Entry, number uint64) (wal.OldFile, error) {
	old := wal.OldFile{Number: number, Size: e.Size}
	data, err := disk.ReadAll(d.fs, filepath.Join(d.path, e.Name), wal.MaxPayload+2*logFileBytes)
	if err != nil {
		return old, fmt.Errorf("%s: %w", e.Name, err)
	}
	old.Damage = wal.Read(data, func(h wal.Header, payload []byte) error {
		old.Last[h.Signal] = max(old.Last[h.Signal], h.First+uint64(h.Count)-1)
		i := slices.IndexFunc(d.logs, func(l durable) bool { return l.Place() == h.Signal })
		if i < 0 {
			return fmt.Errorf("it is of a signal %d, which there is not", h.Signal)
		}
		var err error
		if panicked := panics.Catch(func() { err = d.logs[i].replay(&h, payload) }); panicked != nil {
			return panicked
		}
		return err
	})
	if wal.IsVersion(old.Damage) {
		return old, fmt.Errorf("%s: %w: start the release that wrote it, or remove the file", e.Name, old.Damage)
	}
	if old.Damage != nil {
		d.damagedLog = d.damagedLog || !isTorn(old.Damage)
	}
	return old, nil
}

// isTorn reports whether only the end of a file is damaged, as a crash leaves it.
func isTorn(err error) bool {
	var damage *wal.Damage
	return errors.As(err, &damage) && damage.Torn
}
