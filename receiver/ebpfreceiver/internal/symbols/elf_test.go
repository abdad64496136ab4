// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package symbols

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// library is an ELF file with so many functions of 16 bytes, all named f, from address
// 0x1000 on.
func library(functions int) []byte {
	names := []byte("\x00.symtab\x00.strtab\x00.note.gnu.build-id\x00.gnu_debuglink\x00f\x00")
	nameOf := func(name string) uint32 { return uint32(bytes.Index(names, []byte(name+"\x00"))) }
	note := append([]byte{4, 0, 0, 0, 4, 0, 0, 0, 3, 0, 0, 0}, "GNU\x00\xab\xcd\xef\x01"...)
	link := append([]byte("f.debug\x00"), 1, 2, 3, 4)
	const headers = 64 + 56
	var body bytes.Buffer
	put := func(value any) { _ = binary.Write(&body, binary.LittleEndian, value) }
	sections := []elf.Section64{{}}
	add := func(name string, kind elf.SectionType, link uint32, content []byte) {
		sections = append(sections, elf.Section64{
			Name: nameOf(name), Type: uint32(kind), Link: link, Off: headers + uint64(body.Len()), Size: uint64(len(content)), Entsize: elf.Sym64Size,
		})
		body.Write(content)
	}
	var table bytes.Buffer
	for i := range functions {
		_ = binary.Write(&table, binary.LittleEndian, elf.Sym64{
			Name: nameOf("f"), Info: elf.ST_INFO(elf.STB_GLOBAL, elf.STT_FUNC), Shndx: 1, Value: 0x1000 + 16*uint64(i), Size: 16,
		})
	}
	add(".symtab", elf.SHT_SYMTAB, 2, table.Bytes())
	add(".strtab", elf.SHT_STRTAB, 0, names)
	add(".note.gnu.build-id", elf.SHT_NOTE, 0, note)
	add(".gnu_debuglink", elf.SHT_PROGBITS, 0, link)
	at := headers + uint64(body.Len())
	put(sections)
	content := bytes.Clone(body.Bytes())
	body.Reset()
	put(elf.Header64{
		Ident: [16]byte{0x7f, 'E', 'L', 'F', byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), 1}, Type: uint16(elf.ET_DYN), Machine: uint16(elf.EM_X86_64),
		Version: 1, Phoff: 64, Shoff: at, Ehsize: 64, Phentsize: 56, Phnum: 1, Shentsize: 64, Shnum: uint16(len(sections)), Shstrndx: 2,
	})
	put(elf.Prog64{Type: uint32(elf.PT_LOAD), Flags: uint32(elf.PF_R | elf.PF_X), Vaddr: 0x1000, Filesz: 1 << 30, Memsz: 1 << 30})
	return append(body.Bytes(), content...)
}

// A library that has more functions than are kept is left out and counted, and costs no
// memory; its frames keep the build ID.
func TestVeryLargeLibrariesAreLeftOut(t *testing.T) {
	for name, test := range map[string]struct {
		functions int
		want      string
	}{"few": {100, "f"}, "too many": {maxSymbols + 1, ""}} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "lib.so")
			require.NoError(t, os.WriteFile(path, library(test.functions), 0o600))
			file, err := os.Open(path)
			require.NoError(t, err)
			defer func() { require.NoError(t, file.Close()) }()
			r := NewResolver("/proc", 1<<20)
			r.Begin(time.Now())
			o, _, err := r.load(self(t), &mapping{path: path}, file)
			require.NoError(t, err)
			assert.Equal(t, "abcdef01", o.buildID)
			at, ok := o.addressOf(0x128)
			require.True(t, ok)
			assert.Equal(t, test.want, o.locate(file, nil, at).function)
			r.End()
			tooLarge, _, held := r.Counts()
			assert.Equal(t, test.want == "", tooLarge == 1)
			assert.Less(t, held, int64(16<<10))
		})
	}
}
