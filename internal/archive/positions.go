// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
)

// position is how far a signal of a store was archived.
type position struct {
	Epoch    uint64 `json:"epoch"`
	Sequence uint64 `json:"sequence"`
}

// Positions remembers how far each signal was archived, so that a restart or a reload
// neither repeats nor leaves out records. It is safe for concurrent use.
type Positions struct {
	path string // "": in memory only

	mu       sync.Mutex
	bySignal map[string]position
}

// NewPositions makes positions that are kept in memory.
func NewPositions() *Positions { return &Positions{bySignal: map[string]position{}} }

// OpenPositions reads positions from a file below a directory, and keeps them there. A file
// that cannot be read is reported by err; the positions are those of an empty one then.
func OpenPositions(directory string) (p *Positions, err error) {
	p = NewPositions()
	p.path = filepath.Join(directory, "archive.json")
	text, err := os.ReadFile(p.path)
	if errors.Is(err, fs.ErrNotExist) {
		return p, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &p.bySignal)
	}
	if err != nil {
		clear(p.bySignal)
		return p, fmt.Errorf("read %s: %w", p.path, err)
	}
	return p, nil
}

// Kept reports whether the positions outlive the process.
func (p *Positions) Kept() bool { return p.path != "" }

// of returns the sequence up to which a signal was archived, 0 if that is of another store.
func (p *Positions) of(signal string, epoch uint64) uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	if at := p.bySignal[signal]; at.Epoch == epoch {
		return at.Sequence
	}
	return 0
}

// set notes how far a signal was archived.
func (p *Positions) set(signal string, epoch, sequence uint64) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.bySignal[signal] = position{epoch, sequence}
	if p.path == "" {
		return nil
	}
	text, err := json.Marshal(p.bySignal)
	if err != nil {
		return fmt.Errorf("encode the positions of the archive: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(p.path), 0o700); err != nil {
		return err
	}
	next := p.path + ".new"
	if err := os.WriteFile(next, text, 0o600); err != nil {
		return err
	}
	return os.Rename(next, p.path)
}
