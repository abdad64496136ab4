// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package disktest is a disk for tests: it may be full, fail, or lose all that
// was not synced.
package disktest

import (
	"bytes"
	"errors"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/tapio/tapio/internal/store/disk"
)

// Memory is a file system in memory that knows what is on the disk: the bytes of a
// file up to its latest Sync, and the names in a folder as of its latest SyncFolder.
type Memory struct {
	mu       sync.Mutex
	names    map[string]*file
	synced   map[string]*file
	folders  map[string]bool
	capacity int64 // bytes of all files; 0: no bound
	fault    func(op, path string) error
	syncs    int
}

var _ disk.FS = (*Memory)(nil)

// file is one file, whatever its names.
type file struct {
	data   []byte
	synced int
}

// New makes an empty disk.
func New() *Memory {
	return &Memory{names: map[string]*file{}, synced: map[string]*file{}, folders: map[string]bool{}}
}

// Errors of the disk.
var (
	errFull = errors.New("no space left on device")
	errGone = fs.ErrNotExist
)

// SetCapacity bounds the bytes of all files; 0: no bound.
func (m *Memory) SetCapacity(bytes int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.capacity = bytes
}

// SetFault has calls fail with what fault returns of them. op is the name of the
// method: Create, Write, Sync, Rename, Remove or SyncFolder.
func (m *Memory) SetFault(fault func(op, path string) error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fault = fault
}

// Syncs is how often files were synced.
func (m *Memory) Syncs() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.syncs
}

// PowerLoss returns the disk as it is after the power failed now: with nothing that
// was not synced.
func (m *Memory) PowerLoss() *Memory {
	m.mu.Lock()
	defer m.mu.Unlock()
	after := New()
	maps.Copy(after.folders, m.folders)
	for name, f := range m.synced {
		after.put(name, f.data[:f.synced])
	}
	return after
}

// Kill returns the disk as it is after the process was killed now.
func (m *Memory) Kill() *Memory {
	m.mu.Lock()
	defer m.mu.Unlock()
	after := New()
	maps.Copy(after.folders, m.folders)
	for name, f := range m.names {
		after.put(name, f.data)
	}
	return after
}

func (m *Memory) put(name string, data []byte) {
	f := &file{data: slices.Clone(data), synced: len(data)}
	m.names[name], m.synced[name] = f, f
}

// Names returns the paths of all files, sorted.
func (m *Memory) Names() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Sorted(maps.Keys(m.names))
}

// Change replaces the bytes of a file by what change makes of them.
func (m *Memory) Change(path string, change func([]byte) []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.put(path, change(slices.Clone(m.names[path].data)))
}

// RemoveAll removes a folder with all that is in it.
func (m *Memory) RemoveAll(path string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for name := range m.names {
		if strings.HasPrefix(name, path+string(filepath.Separator)) {
			delete(m.names, name)
			delete(m.synced, name)
		}
	}
	delete(m.folders, path)
}

// fails returns the fault of a call. The caller holds the lock.
func (m *Memory) fails(op, path string) error {
	if m.fault == nil {
		return nil
	}
	return m.fault(op, path)
}

// MkdirAll implements disk.FS.
func (m *Memory) MkdirAll(path string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.fails("MkdirAll", path); err != nil {
		return err
	}
	m.folders[path] = true
	return nil
}

// Create implements disk.FS.
func (m *Memory) Create(path string) (disk.File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.fails("Create", path); err != nil {
		return nil, err
	}
	if !m.folders[filepath.Dir(path)] {
		return nil, errGone
	}
	f := &file{}
	m.names[path] = f
	return &handle{memory: m, file: f, path: path}, nil
}

// Open implements disk.FS.
func (m *Memory) Open(path string) (disk.ReadFile, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f, found := m.names[path]
	if !found {
		return nil, errGone
	}
	return reading{bytes.NewReader(slices.Clone(f.data))}, nil
}

// Rename implements disk.FS.
func (m *Memory) Rename(from, to string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.fails("Rename", from); err != nil {
		return err
	}
	f, found := m.names[from]
	if !found {
		return errGone
	}
	delete(m.names, from)
	m.names[to] = f
	return nil
}

// Remove implements disk.FS.
func (m *Memory) Remove(path string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.fails("Remove", path); err != nil {
		return err
	}
	if _, found := m.names[path]; !found {
		return errGone
	}
	delete(m.names, path)
	return nil
}

// List implements disk.FS.
func (m *Memory) List(path string) ([]disk.Entry, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.folders[path] {
		return nil, errGone
	}
	var list []disk.Entry
	for _, name := range slices.Sorted(maps.Keys(m.names)) {
		if filepath.Dir(name) == path {
			list = append(list, disk.Entry{Name: filepath.Base(name), Size: int64(len(m.names[name].data))})
		}
	}
	return list, nil
}

// SyncFolder implements disk.FS.
func (m *Memory) SyncFolder(path string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.fails("SyncFolder", path); err != nil {
		return err
	}
	if !m.folders[path] {
		return errGone
	}
	inFolder := func(name string, _ *file) bool { return filepath.Dir(name) == path }
	maps.DeleteFunc(m.synced, inFolder)
	for name, f := range m.names {
		if inFolder(name, f) {
			m.synced[name] = f
		}
	}
	return nil
}

// Lock implements disk.FS. It never fails: there is no other process.
func (m *Memory) Lock(path string) (disk.Lock, error) {
	f, err := m.Create(path)
	if err != nil {
		return nil, err
	}
	return lock{f.(*handle)}, nil
}
