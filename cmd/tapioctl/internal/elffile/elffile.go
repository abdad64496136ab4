// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package elffile

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/ianlancetaylor/demangle"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// File is what is uploaded of a file.
type File struct {
	BuildID   string
	Segments  []*tapiov1.SymbolSegment
	Functions []*tapiov1.SymbolFunction
}

const (
	gnuBuildID = 3
	goBuildID  = 4
	// maxName bounds the name of a function, and maxDemangled is the power of two that
	// bounds it as people read it.
	maxName      = 4 << 10
	maxDemangled = 11
	maxSegments  = 64
)

// Read reads a file. A damaged one is an error.
func Read(path string) (out *File, err error) {
	file, err := os.Open(path) //nolint:gosec // the user of tapioctl names the file
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	defer func() {
		if fault := recover(); fault != nil {
			out, err = nil, fmt.Errorf("%s: damaged ELF file: %v", path, fault)
		}
	}()
	parsed, err := elf.NewFile(file)
	if err != nil {
		return nil, fmt.Errorf("%s: not an ELF file: %w", path, err)
	}
	out = &File{BuildID: buildID(parsed), Segments: segments(parsed)}
	if out.BuildID == "" {
		return nil, fmt.Errorf("%s: has no build ID, by which profiles would find it: link it with -Wl,--build-id", path)
	}
	out.Functions = append(goFunctions(parsed), symbols(parsed)...)
	if len(out.Functions) == 0 {
		return nil, fmt.Errorf("%s: has no symbols: give the file before it was stripped, or its debug file", path)
	}
	return out, nil
}

// buildID returns the GNU build ID, or the Go one; "" without any. Profilers name the
// former where a file has both.
func buildID(f *elf.File) string {
	for _, note := range []struct {
		section, owner string
		kind           uint32
	}{{".note.gnu.build-id", "GNU\x00", gnuBuildID}, {".note.go.buildid", "Go\x00\x00", goBuildID}} {
		s := f.Section(note.section)
		if s == nil || s.Type == elf.SHT_NOBITS {
			continue
		}
		text, err := s.Data()
		if err != nil || len(text) < 12 || f.ByteOrder.Uint32(text[8:]) != note.kind {
			continue
		}
		size, rest := f.ByteOrder.Uint32(text[4:]), text[12:]
		if !bytes.HasPrefix(rest, []byte(note.owner)) || uint64(size) > uint64(len(rest)-len(note.owner)) {
			continue
		}
		id := rest[len(note.owner):][:size]
		if note.kind == goBuildID {
			return strings.ToValidUTF8(string(id), "")
		}
		return hex.EncodeToString(id)
	}
	return ""
}

// segments are the parts of the file that are loaded; a debug file has none of them.
func segments(f *elf.File) (list []*tapiov1.SymbolSegment) {
	if text := f.Section(".text"); text == nil || text.Type == elf.SHT_NOBITS {
		return nil
	}
	for _, p := range f.Progs {
		if p.Type == elf.PT_LOAD && len(list) < maxSegments {
			list = append(list, &tapiov1.SymbolSegment{Offset: p.Off, Size: p.Filesz, Address: p.Vaddr})
		}
	}
	return list
}

// symbols returns the functions of the symbol table or, of a stripped library, those that
// it exports.
func symbols(f *elf.File) (list []*tapiov1.SymbolFunction) {
	table, err := f.Symbols()
	if errors.Is(err, elf.ErrNoSymbols) || err == nil && len(table) == 0 {
		table, err = f.DynamicSymbols()
	}
	if err != nil {
		return nil
	}
	for i := range table {
		s := &table[i]
		kind := elf.ST_TYPE(s.Info)
		if kind != elf.STT_FUNC && kind != elf.STT_GNU_IFUNC || s.Section == elf.SHN_UNDEF {
			continue
		}
		if name := readable(s.Name); name != "" {
			list = append(list, &tapiov1.SymbolFunction{Address: s.Value, Size: s.Size, Name: name})
		}
	}
	return list
}

// readable returns a name as people read it.
func readable(name string) string {
	if at := strings.IndexByte(name, '@'); at > 0 {
		name = name[:at] // the version of the symbol
	}
	if strings.HasPrefix(name, "_Z") || strings.HasPrefix(name, "_R") {
		name = demangle.Filter(name, demangle.NoParams, demangle.MaxLength(maxDemangled))
	}
	return cut(name)
}

// The words of runtime.moduledata that have the addresses of the text and of the first
// function, and of the header of Go's table of functions.
const (
	moduleText, moduleFirst = 22, 20
	tableText               = 2
	tableMagic              = 0xfffffff1
)

// textOf returns the address that those of Go's functions are relative to: until Go 1.26 it
// is in the header of the table, then only in runtime.moduledata.
func textOf(f *elf.File, table *elf.Section, data []byte) (uint64, bool) {
	const header = 8
	if len(data) < header+8*8 || f.Class != elf.ELFCLASS64 || f.ByteOrder != binary.LittleEndian {
		return 0, false
	}
	word := func(i int) uint64 { return binary.LittleEndian.Uint64(data[header+8*i:]) }
	if text := word(tableText); text != 0 {
		return text, true
	}
	at := word(7)
	if binary.LittleEndian.Uint32(data) != tableMagic || at+4 > uint64(len(data)) || at+4 < at {
		return 0, false
	}
	first := uint64(binary.LittleEndian.Uint32(data[at:]))
	for _, name := range []string{".go.module", ".noptrdata", ".data", ".data.rel.ro"} {
		s := f.Section(name)
		if s == nil || s.Type == elf.SHT_NOBITS {
			continue
		}
		memory, err := s.Data()
		if err != nil {
			continue
		}
		for i := 0; i+(moduleText+1)*8 <= len(memory); i += 8 {
			if binary.LittleEndian.Uint64(memory[i:]) != table.Addr {
				continue
			}
			text := binary.LittleEndian.Uint64(memory[i+8*moduleText:])
			if text != 0 && binary.LittleEndian.Uint64(memory[i+8*moduleFirst:]) == text+first {
				return text, true
			}
		}
	}
	if s := f.Section(".text"); s != nil && f.Section(".init") == nil {
		return s.Addr, true
	}
	return 0, false
}

// cut bounds a text.
func cut(text string) string { return strings.ToValidUTF8(text[:min(len(text), maxName)], "") }
