//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package symbols

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"hash/crc32"
	"io"
	"os"
	"path"
	"strings"
)

// maxDebugCRC bounds the debug files of which a checksum is computed; those with a build
// ID need none.
const maxDebugCRC = 256 << 20

// debugFile is where symbols of a stripped file are.
type debugFile struct {
	host bool // in the folders of the host, not in those of the process
	path string
	id   fileID
}

// open opens the debug file, if it is the one that was read before.
func (d *debugFile) open(roots debugRoots) (*os.File, error) {
	file, err := openIn(roots.of(d.host), d.path)
	if err != nil {
		return nil, err
	}
	if id, _, err := identify(file); err != nil || id != d.id {
		_ = file.Close()
		return nil, os.ErrNotExist
	}
	return file, nil
}

// debugRoots are the root folders of the process and of the host.
type debugRoots struct {
	process, host string
}

func (r debugRoots) of(host bool) string {
	if host {
		return r.host
	}
	return r.process
}

// findDebugSymbols reads the symbols of the debug file that goes with an object.
func findDebugSymbols(o *object, parsed *elf.File, name string, roots debugRoots) (t *symbolTable, tooLarge bool) {
	link, checksum := debugLink(parsed)
	for _, host := range []bool{false, true} {
		for _, candidate := range debugPaths(o.buildID, link, name) {
			debug, err := openIn(roots.of(host), candidate)
			if err != nil {
				continue
			}
			t, tooLarge = debugSymbols(o, debug, checksum)
			if t != nil {
				id, _, err := identify(debug)
				t.debug = &debugFile{host, candidate, id}
				_ = debug.Close()
				if err != nil {
					return nil, false
				}
				return t, false
			}
			_ = debug.Close()
			if tooLarge {
				return nil, true
			}
		}
		if roots.process == roots.host {
			break
		}
	}
	return nil, false
}

// debugPaths are the places where distributions and debuggers keep debug files.
func debugPaths(buildID, link, name string) (list []string) {
	if len(buildID) > 2 && strings.Trim(buildID, "0123456789abcdef") == "" {
		list = append(list, "/usr/lib/debug/.build-id/"+buildID[:2]+"/"+buildID[2:]+".debug")
	}
	if link != "" && !strings.ContainsRune(link, '/') {
		folder := path.Dir(name)
		list = append(list, path.Join(folder, ".debug", link), path.Join("/usr/lib/debug", folder, link), path.Join(folder, link))
	}
	return list
}

// debugLink reads the name and checksum of a debug file.
func debugLink(parsed *elf.File) (name string, checksum uint32) {
	s := parsed.Section(".gnu_debuglink")
	if s == nil || s.Type == elf.SHT_NOBITS {
		return "", 0
	}
	text := make([]byte, min(s.FileSize, 1<<10))
	n, _ := s.ReadAt(text, 0) // what there is
	text = text[:n]
	end := bytes.IndexByte(text, 0)
	at := (end + 4) &^ 3
	if end <= 0 || at+4 > len(text) {
		return "", 0
	}
	return string(text[:end]), binary.LittleEndian.Uint32(text[at:])
}

// debugSymbols reads the symbols if the file belongs to the object.
func debugSymbols(o *object, debug *os.File, checksum uint32) (t *symbolTable, tooLarge bool) {
	id, _, err := identify(debug)
	if err != nil {
		return nil, false
	}
	parsed, err := elf.NewFile(&budget{debug, maxHeaders})
	if err != nil || parsed.Class != elf.ELFCLASS64 {
		return nil, false
	}
	if o.buildID != "" {
		if buildIDOf(parsed) != o.buildID {
			return nil, false
		}
		return readSymbols(debug, parsed, elf.SHT_SYMTAB)
	}
	sum := crc32.NewIEEE()
	if id.size > maxDebugCRC {
		return nil, false
	}
	if _, err := io.Copy(sum, io.NewSectionReader(debug, 0, id.size)); err != nil || sum.Sum32() != checksum {
		return nil, false
	}
	return readSymbols(debug, parsed, elf.SHT_SYMTAB)
}
