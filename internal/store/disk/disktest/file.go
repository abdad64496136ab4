// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package disktest

import (
	"bytes"
	"io"
)

// handle is a file that is written.
type handle struct {
	memory *Memory
	file   *file
	path   string
}

// Write implements disk.File.
func (h *handle) Write(data []byte) (int, error) {
	m := h.memory
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.fails("Write", h.path); err != nil {
		return 0, err
	}
	n := len(data)
	if m.capacity > 0 {
		used := int64(0)
		for _, f := range m.names {
			used += int64(len(f.data))
		}
		n = int(min(int64(n), max(m.capacity-used, 0)))
	}
	h.file.data = append(h.file.data, data[:n]...)
	if n < len(data) {
		return n, errFull
	}
	return n, nil
}

// Sync implements disk.File.
func (h *handle) Sync() error {
	m := h.memory
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.fails("Sync", h.path); err != nil {
		return err
	}
	m.syncs++
	h.file.synced = len(h.file.data)
	return nil
}

// Truncate implements disk.File.
func (h *handle) Truncate(size int64) error {
	m := h.memory
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.fails("Truncate", h.path); err != nil {
		return err
	}
	h.file.data = h.file.data[:size]
	h.file.synced = min(h.file.synced, int(size))
	return nil
}

// Linked implements disk.File.
func (h *handle) Linked() bool {
	h.memory.mu.Lock()
	defer h.memory.mu.Unlock()
	for _, f := range h.memory.names {
		if f == h.file {
			return true
		}
	}
	return false
}

// Close implements disk.File.
func (h *handle) Close() error { return nil }

type lock struct{ *handle }

// Held implements disk.Lock.
func (l lock) Held() bool { return l.Linked() }

type reading struct{ *bytes.Reader }

// Close implements disk.ReadFile.
func (reading) Close() error { return nil }

var _ io.Reader = reading{}
