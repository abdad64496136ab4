// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/tapio/tapio/internal/store/disk"
	"github.com/tapio/tapio/internal/store/segment"
	"github.com/tapio/tapio/internal/store/segmentfile"
)

// fileSet is the files in the directory of a store.
type fileSet struct {
	fs     disk.FS
	path   string
	report func(problem string, err error)
	failed func(err error) // is called when a file cannot be removed

	sizes   map[string]int64
	bytes   atomic.Int64
	corrupt atomic.Uint64 // files set aside
	damaged atomic.Uint64 // of these, until someone has removed them
}

// files returns the names in the directory, sorted, and removes what a crash left
// half written.
func (d *fileSet) files() ([]string, error) {
	entries, err := d.fs.List(d.path)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		switch name := e.Name; {
		case strings.HasSuffix(name, tmpSuffix):
			d.remove(name)
		case strings.HasSuffix(name, fileSuffix):
			names = append(names, name)
		}
	}
	return names, nil
}

func (d *fileSet) readHeaderOf(name string) (segmentfile.Header, error) {
	f, err := d.fs.Open(filepath.Join(d.path, name))
	if err != nil {
		return segmentfile.Header{}, err
	}
	defer func() { _ = f.Close() }() // it was only read
	data := make([]byte, binary.Size(segmentfile.Header{})+segmentfile.ChecksumBytes)
	if _, err := io.ReadFull(f, data); err != nil {
		return segmentfile.Header{}, err
	}
	return segmentfile.ReadHeader(bytes.NewReader(data), max(segment.SegmentRows, maxPointRows))
}

// setAside renames a file that cannot be read, so that someone can look at it
// and the next start does not stumble over it again.
func (d *fileSet) setAside(name string, why error) {
	d.corrupt.Add(1)
	if !isTorn(why) {
		d.damaged.Add(1)
	}
	path := filepath.Join(d.path, name)
	err := d.fs.Rename(path, path+corruptSuffix)
	d.report("A file of the store cannot be read and is set aside as "+path+corruptSuffix+"; the rest is served",
		errors.Join(why, err))
}

// inspected forgets the files that were set aside once someone has removed them.
func (d *fileSet) inspected() {
	if d.damaged.Load() == 0 {
		return
	}
	entries, err := d.fs.List(d.path)
	if err == nil && !slices.ContainsFunc(entries, func(e disk.Entry) bool { return strings.HasSuffix(e.Name, corruptSuffix) }) {
		d.damaged.Store(0)
	}
}

// forgetCorrupt removes the oldest files that were set aside, for no one may ever
// look at them.
func (d *fileSet) forgetCorrupt() {
	entries, err := d.fs.List(d.path)
	if err != nil {
		return // the next start does it
	}
	entries = slices.DeleteFunc(entries, func(e disk.Entry) bool { return !strings.HasSuffix(e.Name, corruptSuffix) })
	bytes := int64(0)
	for i, e := range slices.Backward(entries) {
		if bytes += e.Size; len(entries)-i > maxCorrupt || bytes > maxCorruptBytes {
			d.remove(e.Name)
		}
	}
}

func fileName(signal string, first uint64) string {
	return fmt.Sprintf("%s-%020d%s", signal, first, fileSuffix)
}

func (d *fileSet) note(name string, length int64) {
	d.bytes.Add(length - d.sizes[name])
	d.sizes[name] = length
}

func (d *fileSet) remove(name string) {
	if err := d.fs.Remove(filepath.Join(d.path, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		d.failed(err)
	}
	d.bytes.Add(-d.sizes[name])
	delete(d.sizes, name)
}
