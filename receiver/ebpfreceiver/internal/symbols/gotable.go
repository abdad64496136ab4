//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package symbols

import (
	"debug/elf"
	"encoding/binary"
	"errors"
	"io"
	"sort"
	"strings"
)

// The magic numbers of Go's table of functions, from Go 1.18 and 1.20 on.
const (
	magic118 = 0xfffffff0
	magic120 = 0xfffffff1
)

const (
	// maxSteps bounds the decoding of a table of lines.
	maxSteps = 1 << 16
	// maxGoFunctions is above what a program has.
	maxGoFunctions = 1 << 24
	// moduleText is the word of runtime.moduledata that has the address of the text,
	// moduleFirst the one that has that of the first function.
	moduleText, moduleFirst = 22, 20
)

// goTable is Go's own table of functions, files and lines. Stripped programs have it too.
type goTable struct {
	at, size  int64 // in the file
	functions int
	quantum   uint64
	text      uint64 // address that those of functions are relative to
	hasStart  bool   // functions have the line that they start at

	names, units, files, lines, table int64 // parts of it, from its beginning
}

var errNoTable = errors.New("no table of Go functions")

// newGoTable finds the table by its section.
func newGoTable(file io.ReaderAt, parsed *elf.File) (*goTable, error) {
	from := parsed.Section(".gopclntab")
	if from == nil {
		from = parsed.Section(".data.rel.ro.gopclntab")
	}
	if from == nil || from.Type == elf.SHT_NOBITS || int64(from.Offset) < 0 || int64(from.FileSize) < 0 {
		return nil, errNoTable
	}
	t := &goTable{at: int64(from.Offset), size: int64(from.FileSize)}
	var header [8 + 8*8]byte
	if err := t.read(file, header[:], 0); err != nil {
		return nil, err
	}
	magic := binary.LittleEndian.Uint32(header[:])
	if magic != magic118 && magic != magic120 || header[7] != 8 {
		return nil, errNoTable
	}
	word := func(i int) uint64 { return binary.LittleEndian.Uint64(header[8+8*i:]) }
	if word(0) > maxGoFunctions {
		return nil, errNoTable
	}
	t.quantum, t.hasStart, t.functions = uint64(header[6]), magic == magic120, int(word(0))
	for i, part := range []*int64{&t.names, &t.units, &t.files, &t.lines, &t.table} {
		if word(3+i) > uint64(t.size) {
			return nil, errNoTable
		}
		*part = int64(word(3 + i))
	}
	first, _, err := t.entry(file, 0)
	if err != nil {
		return nil, err
	}
	var found bool
	if t.text, found = textOf(file, parsed, from.Addr, uint64(first), word(2)); !found {
		return nil, errNoTable
	}
	return t, nil
}

// textOf returns the address of runtime.text. Until Go 1.26 it is in the header of the
// table; then only in runtime.moduledata. It is that of the section where there is no
// code of C.
func textOf(file io.ReaderAt, parsed *elf.File, table, first, header uint64) (address uint64, ok bool) {
	if header != 0 {
		return header, true
	}
	for _, name := range []string{".go.module", ".noptrdata", ".data", ".data.rel.ro"} {
		if s := parsed.Section(name); s != nil && s.Type != elf.SHT_NOBITS {
			if address, ok = textInModule(file, s, table, first); ok {
				return address, true
			}
		}
	}
	text := parsed.Section(".text")
	if text == nil || parsed.Section(".init") != nil {
		return 0, false
	}
	return text.Addr, true
}

// textInModule looks for runtime.moduledata, which begins with the address of the table.
func textInModule(file io.ReaderAt, in *elf.Section, table, first uint64) (address uint64, ok bool) {
	const piece, record = 64 << 10, (moduleText + 1) * 8
	buffer := make([]byte, piece+record)
	for at := int64(0); at < int64(min(in.FileSize, maxHeaders)); at += piece {
		n, _ := file.ReadAt(buffer[:min(int64(len(buffer)), int64(in.FileSize)-at)], int64(in.Offset)+at)
		for i := 0; i+record <= n && i < piece; i += 8 {
			if binary.LittleEndian.Uint64(buffer[i:]) != table {
				continue
			}
			text := binary.LittleEndian.Uint64(buffer[i+8*moduleText:])
			if text != 0 && binary.LittleEndian.Uint64(buffer[i+8*moduleFirst:]) == text+first {
				return text, true
			}
		}
	}
	return 0, false
}

// read fills the buffer from a place in the table.
func (t *goTable) read(file io.ReaderAt, to []byte, at int64) error {
	if at < 0 || at > t.size-int64(len(to)) {
		return io.ErrUnexpectedEOF
	}
	_, err := file.ReadAt(to, t.at+at)
	return err
}

// entry returns where a function begins, from the text, and where it is described.
func (t *goTable) entry(file io.ReaderAt, i int) (begin, description uint32, err error) {
	var entry [8]byte
	err = t.read(file, entry[:], t.table+8*int64(i))
	return binary.LittleEndian.Uint32(entry[:]), binary.LittleEndian.Uint32(entry[4:]), err
}

// find returns the function, file and line of an address.
func (t *goTable) find(file io.ReaderAt, address uint64) (l located, ok bool) {
	if address < t.text || address-t.text > 1<<32-1 {
		return l, false
	}
	offset := uint32(address - t.text)
	after := sort.Search(t.functions, func(i int) bool {
		begin, _, err := t.entry(file, i)
		return err != nil || begin > offset
	})
	if after == 0 {
		return l, false
	}
	begin, description, err := t.entry(file, after-1)
	if err != nil || after == t.functions && !t.beforeEnd(file, offset) {
		return l, false
	}
	var f [44]byte
	if t.read(file, f[:], t.table+int64(description)) != nil {
		return l, false
	}
	field := func(i int) uint32 { return binary.LittleEndian.Uint32(f[4*i:]) }
	l.function = withoutTypes(t.text0(file, t.names, int64(int32(field(1)))))
	if l.function == "" {
		return l, false
	}
	fileAt := func(offset uint32) (string, int32) {
		number, ok := t.value(file, field(5), begin, offset)
		if !ok {
			return "", -1
		}
		return t.fileName(file, field(8), number), number
	}
	var number int32
	l.file, number = fileAt(begin)
	if line, ok := t.value(file, field(6), begin, offset); ok {
		l.line = int64(line)
	}
	if here, ok := t.value(file, field(5), begin, offset); (!ok || here != number) && t.hasStart {
		l.line = int64(int32(field(9))) // the line is that of a function which was inlined
	}
	return l, true
}

// withoutTypes shortens the arguments of a generic function as the runtime does.
func withoutTypes(name string) string {
	from, to := strings.IndexByte(name, '['), strings.LastIndexByte(name, ']')
	if from < 0 || to <= from {
		return name
	}
	return name[:from] + "[...]" + name[to+1:]
}

// beforeEnd reports whether an address is before the end of the last function.
func (t *goTable) beforeEnd(file io.ReaderAt, offset uint32) bool {
	var end [4]byte
	return t.read(file, end[:], t.table+8*int64(t.functions)) == nil && offset < binary.LittleEndian.Uint32(end[:])
}

func (t *goTable) fileName(file io.ReaderAt, unit uint32, number int32) string {
	var offset [4]byte
	if number < 0 || t.read(file, offset[:], t.units+4*(int64(unit)+int64(number))) != nil {
		return ""
	}
	return t.text0(file, t.files, int64(binary.LittleEndian.Uint32(offset[:])))
}

func (t *goTable) text0(file io.ReaderAt, part, offset int64) string {
	at := part + offset
	if offset < 0 || at >= t.size {
		return ""
	}
	return readText(file, t.at+at, min(t.size-at, maxName))
}

// value decodes a table of values by address: pairs of differences.
func (t *goTable) value(file io.ReaderAt, table, begin, wanted uint32) (value int32, ok bool) {
	r := varints{from: io.NewSectionReader(file, t.at, t.size), at: t.lines + int64(table)}
	pc := uint64(begin)
	value = -1
	for step := range maxSteps {
		delta := r.next()
		if r.failed || delta == 0 && step > 0 {
			return 0, false
		}
		value += int32(delta>>1) ^ -int32(delta&1)
		pc += uint64(r.next()) * t.quantum
		if r.failed {
			return 0, false
		}
		if pc > uint64(wanted) {
			return value, value >= 0
		}
	}
	return 0, false
}

// varints reads numbers of variable length, a piece of the file at a time.
type varints struct {
	from   io.ReaderAt
	at     int64
	buffer [256]byte
	rest   []byte
	failed bool
}

func (v *varints) next() (n uint32) {
	for shift := 0; shift < 35; shift += 7 {
		if len(v.rest) == 0 {
			read, _ := v.from.ReadAt(v.buffer[:], v.at)
			if read == 0 {
				break
			}
			v.at += int64(read)
			v.rest = v.buffer[:read]
		}
		b := v.rest[0]
		v.rest = v.rest[1:]
		n |= uint32(b&0x7f) << shift
		if b&0x80 == 0 {
			return n
		}
	}
	v.failed = true
	return 0
}
