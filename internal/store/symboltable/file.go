// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package symboltable

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/gob"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"strings"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/store/disk"
)

const (
	fileSuffix = ".symbols"
	// maxFile bounds what is read of a file, packed, and unpackedShare what it becomes.
	maxFile       = 256 << 20
	unpackedShare = 8
)

// stored is the content of a file.
type stored struct {
	Table model.SymbolTable
	Time  model.Nanos
}

// Open keeps the tables in a folder, too, and reads those that are there. Files that cannot
// be read are passed to report.
func (s *Store) Open(fs disk.FS, folder string, report func(problem string, err error)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fs, s.folder = fs, folder
	if err := fs.MkdirAll(folder); err != nil {
		return err
	}
	files, err := fs.List(folder)
	if err != nil {
		return err
	}
	tables := maps.Clone(*s.tables.Load())
	for _, file := range files {
		if !strings.HasSuffix(file.Name, fileSuffix) {
			continue
		}
		t, err := s.read(filepath.Join(folder, file.Name))
		if err != nil {
			report("A table of symbols cannot be read and is left out: "+filepath.Join(folder, file.Name), err)
			continue
		}
		t.used.Store(s.clock.Add(1))
		tables[t.BuildID] = t
	}
	s.replace(tables, "")
	return nil
}

func (s *Store) read(path string) (*table, error) {
	packed, err := disk.ReadAll(s.fs, path, maxFile)
	if err != nil {
		return nil, err
	}
	unpacked, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	var content stored
	if err := gob.NewDecoder(io.LimitReader(unpacked, s.limit*unpackedShare)).Decode(&content); err != nil {
		return nil, err
	}
	t := newTable(&content.Table, content.Time)
	if t.Bytes > s.limit {
		return nil, fmt.Errorf("takes %d bytes, more than store::profiles::symbols_limit, %d", t.Bytes, s.limit)
	}
	return t, nil
}

// write keeps a table in the folder, if there is one.
func (s *Store) write(t *table) error {
	if s.fs == nil {
		return nil
	}
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	if err := gob.NewEncoder(w).Encode(stored{Table: t.model(), Time: t.Stored}); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	if err := s.fs.MkdirAll(s.folder); err != nil {
		return err
	}
	_, err := disk.Replace(s.fs, s.path(t.BuildID), packed.WriteTo)
	return err
}

func (s *Store) remove(t *table) {
	if s.fs != nil {
		_ = s.fs.Remove(s.path(t.BuildID)) // else it goes with the next start
	}
}

func (s *Store) path(buildID string) string {
	name := sha256.Sum256([]byte(buildID))
	return filepath.Join(s.folder, hex.EncodeToString(name[:16])+fileSuffix)
}
