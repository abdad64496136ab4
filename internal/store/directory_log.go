// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync/atomic"

	"github.com/tapio/tapio/internal/panics"
	"github.com/tapio/tapio/internal/store/disk"
	"github.com/tapio/tapio/internal/store/wal"
)

// writeAheadLog is the write-ahead log in the directory of a store.
type writeAheadLog struct {
	files    *fileSet
	logs     []durable
	halfFull func() // is called when the log should become smaller

	durability Durability // changed while nothing is appended
	logBytes   int64      // bound of the log
	log        atomic.Pointer[wal.Log]
	oldLog     []wal.OldFile // of a log that is not written
	damagedLog bool          // some of the log could not be read at the start
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

// start has all that is appended from now on written to the write-ahead log first.
func (w *writeAheadLog) start() {
	if w.durability == DurabilityNone {
		return
	}
	w.log.Store(wal.Start(wal.Options{
		FS: w.files.fs, Path: w.files.path, Sync: w.durability == DurabilitySync,
		FileBytes: logFileBytes, MaxBytes: w.logBytes, Half: w.halfFull, Report: w.reportState,
	}, w.oldLog))
	w.oldLog = nil
	for _, l := range w.logs {
		l.setLog(w.log.Load())
	}
}

// stop ends the write-ahead log, once nothing is appended any more.
func (w *writeAheadLog) stop() error {
	open := w.log.Swap(nil)
	if open == nil {
		return nil
	}
	for _, l := range w.logs {
		l.setLog(nil)
	}
	err := open.Close()
	w.oldLog = open.Files()
	return err
}

func (w *writeAheadLog) reportState(err error) {
	if err == nil {
		w.files.report("the write-ahead log works again: "+w.files.path, nil)
		return
	}
	consequence := "records of the last 10 s may be lost in a crash"
	if w.durability == DurabilitySync {
		consequence = "records are refused until it can"
	}
	w.files.report("failed to write the write-ahead log, "+consequence+": "+w.files.path, err)
}

// trim removes the files of the write-ahead log whose rows are in files of their own.
func (w *writeAheadLog) trim() error {
	var safe [wal.Signals]uint64
	for _, l := range w.logs {
		safe[l.Place()] = l.filed()
	}
	if open := w.log.Load(); open != nil {
		return open.Trim(safe, w.setAside)
	}
	var err error
	w.oldLog, err = wal.TrimFiles(w.files.fs, w.files.path, w.oldLog, safe, w.setAside)
	return err
}

// setAside keeps a damaged file of the write-ahead log for inspection.
func (w *writeAheadLog) setAside(name string, damage error) error {
	w.files.setAside(name, damage)
	w.files.forgetCorrupt()
	return nil
}

// replay stores what the write-ahead log holds and no file of a chunk.
func (w *writeAheadLog) replay() error {
	entries, err := w.files.fs.List(w.files.path)
	if err != nil {
		return err
	}
	for _, e := range entries { // in the order of their numbers
		if number, found := wal.NumberOf(e.Name); found {
			old, err := w.replayFile(e, number)
			if err != nil {
				return err
			}
			w.oldLog = append(w.oldLog, old)
		}
	}
	return nil
}

func (w *writeAheadLog) replayFile(e disk.Entry, number uint64) (wal.OldFile, error) {
	old := wal.OldFile{Number: number, Size: e.Size}
	data, err := disk.ReadAll(w.files.fs, filepath.Join(w.files.path, e.Name), wal.MaxPayload+2*logFileBytes)
	if err != nil {
		return old, fmt.Errorf("%s: %w", e.Name, err)
	}
	old.Damage = wal.Read(data, func(h wal.Header, payload []byte) error {
		old.Last[h.Signal] = max(old.Last[h.Signal], h.First+uint64(h.Count)-1)
		i := slices.IndexFunc(w.logs, func(l durable) bool { return l.Place() == h.Signal })
		if i < 0 {
			return fmt.Errorf("it is of a signal %d, which there is not", h.Signal)
		}
		var err error
		if panicked := panics.Catch(func() { err = w.logs[i].replay(&h, payload) }); panicked != nil {
			return panicked
		}
		return err
	})
	if wal.IsVersion(old.Damage) {
		return old, fmt.Errorf("%s: %w: start the release that wrote it, or remove the file", e.Name, old.Damage)
	}
	if old.Damage != nil {
		w.damagedLog = w.damagedLog || !isTorn(old.Damage)
	}
	return old, nil
}

// isTorn reports whether only the end of a file is damaged, as a crash leaves it.
func isTorn(err error) bool {
	var damage *wal.Damage
	return errors.As(err, &damage) && damage.Torn
}
