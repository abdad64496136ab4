// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package symbols

import (
	"bytes"
	"debug/elf"
	"testing"
)

func FuzzObject(f *testing.F) {
	f.Add(library(3))
	f.Add(readVDSO("/proc"))
	f.Fuzz(func(_ *testing.T, text []byte) {
		file := bytes.NewReader(text)
		o, parsed, err := newObject(file)
		if err != nil {
			return
		}
		o.golang, _ = newGoTable(file, parsed)
		for _, kind := range []elf.SectionType{elf.SHT_DYNSYM, elf.SHT_SYMTAB} {
			if o.symbols, _ = readSymbols(file, parsed, kind); o.symbols != nil {
				break
			}
		}
		debugLink(parsed)
		for _, at := range []uint64{0, 1, uint64(len(text)) / 2, 1 << 40} {
			if address, ok := o.addressOf(at); ok {
				o.locate(file, nil, address)
			}
		}
	})
}

// The table is read whatever its bytes are.
func FuzzGoTable(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3, 0x80, 0x80}, uint32(16), uint32(0))
	f.Fuzz(func(_ *testing.T, text []byte, begin, wanted uint32) {
		t := goTable{size: int64(len(text)), functions: len(text) / 8, quantum: 1, hasStart: true}
		_, _ = t.value(bytes.NewReader(text), 0, begin, wanted)
		_, _ = t.find(bytes.NewReader(text), uint64(wanted))
	})
}

func FuzzPerfMap(f *testing.F) {
	f.Add([]byte("1000 100 JS:*hash /app/main.js:12:3\n2000 10 x\n"), uint64(0x1001))
	f.Fuzz(func(_ *testing.T, text []byte, at uint64) {
		var p perfMap
		half := len(text) / 2
		p.add(text[:half])
		p.add(text[half:])
		frameOfJIT(p.find(at))
	})
}

func FuzzProcFiles(f *testing.F) {
	f.Add([]byte("00400000-00452000 r-xp 00001000 08:02 173521 /usr/bin/x\n"))
	f.Add([]byte("ffffffff81000000 T _stext\n"))
	f.Fuzz(func(_ *testing.T, text []byte) {
		parseMappings(text)
		_, _, _ = parseStat(text)
		parseKernelSymbols(bytes.NewReader(text)).find(1 << 63)
	})
}
