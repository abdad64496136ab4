// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package symboltable

import (
	"cmp"
	"encoding/binary"
	"slices"
	"sync/atomic"
	"unsafe"

	"github.com/tapio/tapio/internal/model"
)

// table is a table of functions as it is searched. It does not change.
type table struct {
	model.SymbolTableInfo
	segments []model.SymbolSegment
	entries  []entry // by address
	texts    []byte  // names, each behind its length
	used     atomic.Uint64
}

// entry is a function; name and file are places in texts.
type entry struct {
	address          uint64
	size, name, file uint32
	line             uint32
}

const (
	entryBytes = int64(unsafe.Sizeof(entry{}))
	tableBytes = int64(unsafe.Sizeof(table{})) + 256
)

// newTable makes the table of what was uploaded. Of several functions at one address the
// first one stays.
func newTable(of *model.SymbolTable, stored model.Nanos) *table {
	functions := slices.Clone(of.Functions)
	slices.SortStableFunc(functions, func(a, b model.SymbolFunction) int { return cmp.Compare(a.Address, b.Address) })
	functions = slices.CompactFunc(functions, func(a, b model.SymbolFunction) bool { return a.Address == b.Address })
	t := &table{
		SymbolTableInfo: model.SymbolTableInfo{BuildID: of.BuildID, File: of.File, Functions: len(functions), Stored: stored},
		segments:        slices.Clone(of.Segments), entries: make([]entry, len(functions)), texts: []byte{0},
	}
	known := map[string]uint32{"": 0}
	place := func(text string) uint32 {
		at, found := known[text]
		if !found {
			at = uint32(len(t.texts))
			known[text] = at
			t.texts = append(binary.AppendUvarint(t.texts, uint64(len(text))), text...)
		}
		return at
	}
	for i := range functions {
		f := &functions[i]
		t.entries[i] = entry{
			address: f.Address, size: uint32(min(f.Size, 1<<32-1)), name: place(f.Name), file: place(f.File), line: uint32(min(max(f.Line, 0), 1<<32-1)),
		}
	}
	t.texts = slices.Clip(t.texts)
	t.Bytes = tableBytes + entryBytes*int64(len(t.entries)) + int64(len(t.texts)) + int64(len(t.segments))*24
	return t
}

// model returns what the table was made of.
func (t *table) model() model.SymbolTable {
	of := model.SymbolTable{BuildID: t.BuildID, File: t.File, Segments: t.segments, Functions: make([]model.SymbolFunction, len(t.entries))}
	for i := range t.entries {
		e := &t.entries[i]
		of.Functions[i] = model.SymbolFunction{Address: e.address, Size: uint64(e.size), Name: t.text(e.name), File: t.text(e.file), Line: int64(e.line)}
	}
	return of
}

func (t *table) text(at uint32) string {
	length, n := binary.Uvarint(t.texts[at:])
	from := int(at) + n
	return string(t.texts[from : from+int(length)])
}

// resolve names the function of a frame. The address of a frame with a type is that of the
// symbol table, as profilers of whole hosts have it; one of pprof is a place in the file.
func (t *table) resolve(f *model.Frame) bool {
	asOffset, inFile := t.addressOf(f.Address)
	order := []uint64{f.Address, asOffset}
	if f.Kind == "" && inFile {
		order = []uint64{asOffset, f.Address}
	} else if !inFile {
		order = order[:1]
	}
	for _, address := range order {
		if e := t.find(address); e != nil {
			f.Function, f.File, f.Line, f.Address = t.text(e.name), t.text(e.file), int64(e.line), 0
			return true
		}
	}
	return false
}

// addressOf turns a place in the file into an address of the symbol table.
func (t *table) addressOf(offset uint64) (address uint64, ok bool) {
	for _, s := range t.segments {
		if offset >= s.Offset && offset-s.Offset < s.Size {
			return offset - s.Offset + s.Address, true
		}
	}
	return 0, false
}

// find returns the function of an address, nil for none.
func (t *table) find(address uint64) *entry {
	after, found := slices.BinarySearchFunc(t.entries, address, func(e entry, address uint64) int { return cmp.Compare(e.address, address) })
	if found {
		after++
	}
	if after == 0 {
		return nil
	}
	e := &t.entries[after-1]
	if e.size == 0 && after == len(t.entries) || e.size != 0 && address-e.address >= uint64(e.size) {
		return nil
	}
	return e
}
