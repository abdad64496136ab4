// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/tapio/tapio/internal/store/disk"
	"github.com/tapio/tapio/internal/store/segment"
	"github.com/tapio/tapio/internal/store/segmentfile"
)

const (
	// maxFileBytes is longer than any segment: a chunk has maxChunkBytes as rows.
	maxFileBytes = 8 * maxChunkBytes
	// maxCorrupt is how many files that were set aside are kept.
	maxCorrupt = 16
	// maxCorruptBytes bounds their size.
	maxCorruptBytes = 256 << 20
)

// restore reads back what the directory holds, the newest first, until the store
// is full. It holds one file in memory beside the store.
func (d *directory) restore() error {
	state, err := d.readState()
	if err != nil {
		return fmt.Errorf("store::directory: %w: name a directory that this process may read", err)
	}
	names, err := d.files()
	if err != nil {
		return fmt.Errorf("store::directory: %w: name a directory that this process may read", err)
	}
	for _, l := range d.logs {
		d.restoreLog(l, names)
	}
	if err := d.ahead.replay(); err != nil {
		return fmt.Errorf("store::directory: %w", err)
	}
	for _, l := range d.logs {
		l.goOn(d.lastBefore(state, l))
	}
	d.epoch = newEpoch()
	if state != nil {
		d.epoch = state.Epoch
	}
	d.forgetCorrupt()
	if err := d.writeState(false); err != nil {
		return fmt.Errorf("store::directory: %w: it must be writable and have free space", err)
	}
	return nil
}

// lastBefore is a sequence that no row had a greater one than which anyone has seen.
func (d *directory) lastBefore(s *state, l durable) uint64 {
	if s != nil && !s.Clean {
		if seen, known := d.seen.Last(l.Place(), s.Last[l.name()]); known {
			return max(l.newest(), seen)
		}
	}
	switch {
	case s != nil && !s.Clean && s.Durability == DurabilitySync.String() && d.corrupt.Load() == 0 && !d.ahead.damagedLog:
		return max(l.newest(), max(s.Last[l.name()], reserveAhead)-reserveAhead) // rows are seen once they are in the write-ahead log
	case s != nil:
		return s.Last[l.name()]
	case l.newest() > 0:
		return l.newest() + reserveAhead
	default:
		return 0
	}
}

// settle writes what was replayed to files of its own, so that the write-ahead log
// begins empty. If that fails it is tried again as with any rows.
func (d *directory) settle() {
	for _, l := range d.logs {
		l.compactAll()
	}
	d.busy.Lock()
	defer d.busy.Unlock()
	d.removeDoomed()
	if err := errors.Join(d.writePending(true), d.ahead.trim()); err != nil {
		d.failed(err)
	}
}

// restoreLog reads the files of one signal, the newest first.
func (d *directory) restoreLog(l durable, names []string) {
	room := true
	oldest := uint64(math.MaxUint64) // row restored so far
	for _, f := range d.filesOf(l, names) {
		if !room || f.first >= oldest { // a crash left a piece beside the file that replaces it
			d.remove(f.name)
			continue
		}
		var err error
		if room, err = d.restoreFile(l, f.name); err != nil {
			d.setAside(f.name, err)
			room = true
		} else if !room {
			d.remove(f.name)
		} else {
			oldest = f.first
		}
	}
}

// segmentFile is a file by the rows that it holds.
type segmentFile struct {
	name        string
	first, next uint64 // next is the sequence behind the last row, as far as the header is readable
}

// filesOf returns the files of a signal: those of the newest rows first and, of
// files that end with the same row, the one with more rows first.
func (d *directory) filesOf(l durable, names []string) []segmentFile {
	var files []segmentFile
	for _, name := range names {
		number, found := strings.CutPrefix(strings.TrimSuffix(name, fileSuffix), l.name()+"-")
		if !found {
			continue
		}
		f := segmentFile{name: name}
		f.first, _ = strconv.ParseUint(number, 10, 64) // a name that is none is found when the file is read
		f.next = f.first + 1
		if h, err := d.readHeaderOf(name); err == nil {
			f.next = f.first + h.Count
		}
		files = append(files, f)
	}
	slices.SortFunc(files, func(a, b segmentFile) int {
		return cmp.Or(cmp.Compare(b.next, a.next), cmp.Compare(a.first, b.first))
	})
	return files
}

func (d *directory) restoreFile(l durable, name string) (room bool, err error) {
	data, err := disk.ReadAll(d.fs, filepath.Join(d.path, name), maxFileBytes)
	if err != nil {
		return false, err
	}
	r := bytes.NewReader(data)
	h, err := segmentfile.ReadHeader(r, max(segment.SegmentRows, maxPointRows))
	if err != nil {
		return false, err
	}
	if fileName(l.name(), h.First) != name || string(bytes.TrimRight(h.Signal[:], "\x00")) != l.name() {
		return false, errors.New("its content does not match its name")
	}
	if room, err = l.restore(&h, r); room && err == nil {
		d.note(name, int64(len(data)))
	}
	return room, err
}
