//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package symbols

import (
	"bytes"
	"cmp"
	"debug/elf"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/ianlancetaylor/demangle"
)

const (
	// maxHeaders bounds what is read of a file apart from symbols: headers, names of
	// sections, notes.
	maxHeaders = 16 << 20
	// maxSymbols bounds the index of a file to 16 MiB.
	maxSymbols = 1 << 20
	// maxName bounds the name of a function, as the file has it.
	maxName = 4 << 10
	// maxDemangled is the power of two that bounds it as people read it.
	maxDemangled = 11
	// maxSegments bounds the parts of a file that are loaded.
	maxSegments = 64
)

// object is a file with code: an executable or a library.
type object struct {
	buildID  string
	segments []segment
	symbols  *symbolTable // nil without one
	golang   *goTable     // nil for other languages
	frames   map[uint64]located
	bytes    int
	tooLarge bool // it has more symbols than are kept
}

// segment is a part of the file that is loaded.
type segment struct {
	offset, size, address uint64
}

// located is what an address stands for. The function is empty if there is none.
type located struct {
	function, file string
	line           int64
}

// symbol is a function of a symbol table.
type symbol struct {
	address uint64
	size    uint32
	name    uint32 // offset in the table of names
}

// symbolTable is the index of a symbol table; names stay in the file.
type symbolTable struct {
	list  []symbol
	names section
	debug *debugFile // the file that has the names, nil for the object itself
}

type section struct {
	offset, size int64
}

// newObject reads the headers of a file.
func newObject(file io.ReaderAt) (*object, *elf.File, error) {
	parsed, err := elf.NewFile(&budget{file, maxHeaders})
	if err != nil {
		return nil, nil, err
	}
	if parsed.Class != elf.ELFCLASS64 || parsed.ByteOrder != binary.LittleEndian {
		return nil, nil, errors.New("not a file of a 64-bit, little-endian machine")
	}
	o := &object{buildID: buildIDOf(parsed), frames: map[uint64]located{}}
	for _, p := range parsed.Progs {
		if p.Type == elf.PT_LOAD && len(o.segments) < maxSegments {
			o.segments = append(o.segments, segment{p.Off, p.Filesz, p.Vaddr})
		}
	}
	return o, parsed, nil
}

// addressOf turns a place in the file into an address of the symbol table.
func (o *object) addressOf(offset uint64) (address uint64, ok bool) {
	for _, s := range o.segments {
		if offset >= s.offset && offset-s.offset < s.size {
			return offset - s.offset + s.address, true
		}
	}
	return 0, false
}

// buildIDOf returns the GNU build ID, or the Go one, in hexadecimal; "" without any.
func buildIDOf(f *elf.File) string {
	const gnuBuildID, goBuildID = 3, 4
	for _, note := range []struct {
		section, owner string
		kind           uint32
	}{{".note.gnu.build-id", "GNU\x00", gnuBuildID}, {".note.go.buildid", "Go\x00\x00", goBuildID}} {
		s := f.Section(note.section)
		if s == nil || s.Type == elf.SHT_NOBITS {
			continue
		}
		text := make([]byte, min(s.FileSize, 1<<10))
		n, _ := s.ReadAt(text, 0) // what there is
		if id := noteOf(text[:n], note.owner, note.kind); len(id) > 0 {
			if note.kind == goBuildID {
				return strings.ToValidUTF8(string(id), "")
			}
			return hex.EncodeToString(id)
		}
	}
	return ""
}

func noteOf(text []byte, owner string, kind uint32) []byte {
	const header = 12
	if len(text) < header {
		return nil
	}
	name, size := binary.LittleEndian.Uint32(text), binary.LittleEndian.Uint32(text[4:])
	rest := text[header:]
	if binary.LittleEndian.Uint32(text[8:]) != kind || int64(name) != int64(len(owner)) || !bytes.HasPrefix(rest, []byte(owner)) {
		return nil
	}
	rest = rest[len(owner):]
	if int64(size) > int64(len(rest)) {
		return nil
	}
	return rest[:size]
}

// readSymbols reads a symbol table of that type. It returns nil for a file without one,
// and reports whether it has too many symbols.
func readSymbols(file io.ReaderAt, parsed *elf.File, kind elf.SectionType) (t *symbolTable, tooLarge bool) {
	from := parsed.SectionByType(kind)
	if from == nil || from.Flags&elf.SHF_COMPRESSED != 0 || int(from.Link) >= len(parsed.Sections) {
		return nil, false
	}
	names := parsed.Sections[from.Link]
	t = &symbolTable{names: section{int64(names.Offset), int64(names.FileSize)}}
	if t.names.offset < 0 || t.names.size < 0 || int64(from.Offset) < 0 || int64(from.FileSize) < 0 {
		return nil, false
	}
	const piece = 4096 * elf.Sym64Size
	buffer := make([]byte, piece)
	table := io.NewSectionReader(file, int64(from.Offset), int64(from.FileSize))
	for {
		n, err := io.ReadFull(table, buffer)
		for entry := range slices.Chunk(buffer[:n-n%elf.Sym64Size], elf.Sym64Size) {
			if s, ok := parseSymbol(entry); ok {
				t.list = append(t.list, s)
			}
		}
		if len(t.list) > maxSymbols {
			return nil, true
		}
		if err != nil {
			break
		}
	}
	if len(t.list) == 0 {
		return nil, false
	}
	slices.SortFunc(t.list, func(a, b symbol) int { return cmp.Compare(a.address, b.address) })
	t.list = slices.Clip(t.list)
	return t, false
}

// parseSymbol takes functions that are defined in the file.
func parseSymbol(entry []byte) (s symbol, ok bool) {
	kind := elf.ST_TYPE(entry[4])
	if kind != elf.STT_FUNC && kind != elf.STT_GNU_IFUNC || binary.LittleEndian.Uint16(entry[6:]) == uint16(elf.SHN_UNDEF) {
		return s, false
	}
	s.name = binary.LittleEndian.Uint32(entry)
	s.address = binary.LittleEndian.Uint64(entry[8:])
	s.size = uint32(min(binary.LittleEndian.Uint64(entry[16:]), 1<<31))
	return s, s.name != 0
}

// find returns the functions, under all their names, that an address is in.
func (t *symbolTable) find(address uint64) []symbol {
	after, _ := slices.BinarySearchFunc(t.list, address, func(s symbol, a uint64) int {
		if s.address <= a {
			return -1
		}
		return 1
	})
	if after == 0 {
		return nil
	}
	at := t.list[after-1].address
	first := after
	for first > 0 && t.list[first-1].address == at {
		first--
	}
	return slices.DeleteFunc(slices.Clone(t.list[first:after]), func(s symbol) bool {
		return s.size != 0 && address-at >= uint64(s.size)
	})
}

// name returns the best known of the names of a function.
func (t *symbolTable) name(file io.ReaderAt, of []symbol) (best string) {
	for _, s := range of[:min(len(of), 16)] {
		if int64(s.name) >= t.names.size {
			continue
		}
		name := readText(file, t.names.offset+int64(s.name), min(t.names.size-int64(s.name), maxName))
		if name != "" && (best == "" || compareNames(name, best) < 0) {
			best = name
		}
	}
	return readable(best)
}

// compareNames prefers the name that programs call the function by: read, not __read.
func compareNames(a, b string) int {
	underscores := func(s string) int { return len(s) - len(strings.TrimLeft(s, "_")) }
	return cmp.Or(cmp.Compare(underscores(a), underscores(b)), cmp.Compare(len(a), len(b)), strings.Compare(a, b))
}

// readable undoes what compilers of C++ and Rust do to names.
func readable(name string) string {
	if at := strings.IndexByte(name, '@'); at > 0 {
		name = name[:at] // the version of the symbol
	}
	if !strings.HasPrefix(name, "_Z") && !strings.HasPrefix(name, "_R") {
		return name
	}
	return demangle.Filter(name, demangle.NoParams, demangle.MaxLength(maxDemangled))
}

// readText reads a text that ends with a zero byte, "" if it does not end in time.
func readText(file io.ReaderAt, at, limit int64) string {
	text := make([]byte, 0, 128)
	for size := int64(128); limit > 0; size *= 4 {
		piece := make([]byte, min(size, limit))
		n, err := file.ReadAt(piece, at+int64(len(text)))
		if end := bytes.IndexByte(piece[:n], 0); end >= 0 {
			return strings.ToValidUTF8(string(append(text, piece[:end]...)), "")
		}
		if err != nil {
			return ""
		}
		text = append(text, piece[:n]...)
		limit -= int64(n)
	}
	return ""
}
