// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package symboltable

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/store/disk"
)

// Store keeps tables of functions. It is safe for concurrent use.
type Store struct {
	now    func() time.Time
	tables atomic.Pointer[map[string]*table] // by build ID; never changed
	clock  atomic.Uint64                     // of the use of tables

	mu     sync.Mutex // of those who change the tables
	limit  int64
	fs     disk.FS // nil: in memory only
	folder string
}

// New makes an empty store, which takes nothing until SetLimit is called.
func New(now func() time.Time) *Store {
	s := &Store{now: now}
	s.tables.Store(&map[string]*table{})
	return s
}

// SetLimit changes the bytes that all tables may have and drops those that were used the
// longest time ago.
func (s *Store) SetLimit(bytes int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.limit = bytes
	s.replace(maps.Clone(*s.tables.Load()), "")
}

// Used returns the bytes of all tables.
func (s *Store) Used() (bytes int64) {
	for _, t := range *s.tables.Load() {
		bytes += t.Bytes
	}
	return bytes
}

// List describes the tables, the newest first.
func (s *Store) List() []model.SymbolTableInfo {
	var list []model.SymbolTableInfo
	for _, t := range *s.tables.Load() {
		list = append(list, t.SymbolTableInfo)
	}
	slices.SortFunc(list, func(a, b model.SymbolTableInfo) int {
		return cmp.Or(cmp.Compare(b.Stored, a.Stored), cmp.Compare(a.BuildID, b.BuildID))
	})
	return list
}

// Put stores a table in place of one with the same build ID or, with more, adds its
// functions to that. It returns the build IDs of tables that had to go. A *model.FieldError
// is the caller's fault; any other is of the directory.
func (s *Store) Put(of *model.SymbolTable, more bool) (info model.SymbolTableInfo, evicted []string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	known := (*s.tables.Load())[of.BuildID]
	if more {
		if known == nil {
			return info, nil, model.InvalidField("more", "adds functions to the table of build ID %s, which is not stored: send all parts again", of.BuildID)
		}
		whole := known.model()
		whole.Functions = append(whole.Functions, of.Functions...)
		of = &whole
	}
	t := newTable(of, model.Nanos(s.now().UnixNano()))
	if t.Bytes > s.limit {
		return info, nil, model.InvalidField("functions", "take %d bytes with those before, more than store::profiles::symbols_limit of the tapio extension, %d", t.Bytes, s.limit)
	}
	if err := s.write(t); err != nil {
		return info, nil, err
	}
	t.used.Store(s.clock.Add(1))
	tables := maps.Clone(*s.tables.Load())
	tables[t.BuildID] = t
	return t.SymbolTableInfo, s.replace(tables, t.BuildID), nil
}

// replace keeps to the bound, but for one table, and puts the tables in force. The caller
// holds the lock.
func (s *Store) replace(tables map[string]*table, except string) (evicted []string) {
	var bytes int64
	for _, t := range tables {
		bytes += t.Bytes
	}
	for bytes > s.limit && len(tables) > 0 {
		var oldest *table
		for _, t := range tables {
			if t.BuildID != except && (oldest == nil || t.used.Load() < oldest.used.Load()) {
				oldest = t
			}
		}
		if oldest == nil {
			break
		}
		bytes -= oldest.Bytes
		delete(tables, oldest.BuildID)
		s.remove(oldest)
		evicted = append(evicted, oldest.BuildID)
	}
	s.tables.Store(&tables)
	return evicted
}

// Resolve names the function of a frame that has none, if a table has it.
func (s *Store) Resolve(f *model.Frame) bool {
	if f.Function != "" || f.BuildID == "" || f.IsTruncated() {
		return false
	}
	t := (*s.tables.Load())[f.BuildID]
	if t == nil {
		return false
	}
	t.used.Store(s.clock.Add(1))
	return t.resolve(f)
}
