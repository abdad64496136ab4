//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package symbols

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
)

const (
	// maxPerfMap bounds the memory of a perf map, maxPerfPiece what is read of one at
	// once.
	maxPerfMap   = 8 << 20
	maxPerfPiece = 4 << 20
	perfEntry    = 24
)

// perfMap is what a just-in-time compiler writes of the functions it compiles. Later
// entries replace earlier ones at the same addresses.
type perfMap struct {
	read    int64  // bytes of the file
	last    []byte // the last of them, by which a file that was written again is known
	rest    []byte
	entries []jitted
	sorted  bool
	names   []byte
	full    bool
}

type jitted struct {
	start      uint64
	size       uint32
	name, long uint32 // where the name is, and how long
}

func (p *perfMap) bytes() int { return cap(p.entries)*perfEntry + cap(p.names) + cap(p.rest) }

// openPerfMap opens the map of a process: in its own folders, under the id that it knows
// itself by. One that belongs to another user is not believed.
func openPerfMap(proc string, pid uint32) (*os.File, error) {
	own := statusField(proc, pid, "NSpid")
	if own == "" {
		own = strconv.FormatUint(uint64(pid), 10)
	}
	file, err := openIn(procFile(proc, pid, "root"), "/tmp/perf-"+own+".map")
	if err != nil {
		return nil, err
	}
	_, owner, err := identify(file)
	if err == nil && owner != 0 {
		uid := statusField(proc, pid, "Uid") // the last is that for files
		if uid != strconv.FormatUint(uint64(owner), 10) {
			err = fmt.Errorf("%s belongs to user %d, the process to %s", file.Name(), owner, uid)
		}
	}
	if err != nil {
		_ = file.Close()
		return nil, err
	}
	return file, nil
}

// grow reads what the file has more than before.
func (p *perfMap) grow(file *os.File) error {
	id, _, err := identify(file)
	if err != nil {
		return err
	}
	if id.size < p.read || !p.continues(file) {
		*p = perfMap{}
	}
	piece := make([]byte, 64<<10)
	for until := min(id.size, p.read+maxPerfPiece); p.read < until && !p.full; {
		n, err := file.ReadAt(piece[:min(int64(len(piece)), until-p.read)], p.read)
		p.read += int64(n)
		p.last = append(p.last[:0], piece[max(0, n-compared):n]...)
		p.add(piece[:n])
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// compared is how many bytes must be as they were.
const compared = 64

// continues reports whether the file has what was read of it still.
func (p *perfMap) continues(file *os.File) bool {
	now := make([]byte, len(p.last))
	_, err := file.ReadAt(now, p.read-int64(len(now)))
	return err == nil && bytes.Equal(now, p.last)
}

// add parses lines; a part of one waits for its end.
func (p *perfMap) add(text []byte) {
	text = append(p.rest, text...)
	p.rest = nil
	for {
		line, rest, found := bytes.Cut(text, []byte{'\n'})
		if !found {
			break
		}
		p.line(line)
		text = rest
	}
	if len(text) <= maxName {
		p.rest = slices.Clone(text)
	}
}

// line reads START SIZE NAME.
func (p *perfMap) line(line []byte) {
	first, rest, _ := bytes.Cut(line, []byte{' '})
	second, name, found := bytes.Cut(rest, []byte{' '})
	start, err := strconv.ParseUint(strings.TrimPrefix(string(first), "0x"), 16, 64)
	if err != nil || !found {
		return
	}
	size, err := strconv.ParseUint(strings.TrimPrefix(string(second), "0x"), 16, 32)
	if err != nil || size == 0 {
		return
	}
	name = name[:min(len(name), maxName)]
	if len(p.entries)*perfEntry+len(p.names)+len(name)+perfEntry > maxPerfMap/2 { // slices grow by up to twice
		p.full = true
		return
	}
	p.entries = append(p.entries, jitted{start, uint32(size), uint32(len(p.names)), uint32(len(name))})
	p.names = append(p.names, name...)
	p.sorted = false
}

// find returns the name of the newest function at that address.
func (p *perfMap) find(address uint64) string {
	if !p.sorted {
		slices.SortStableFunc(p.entries, func(a, b jitted) int { return cmp.Compare(a.start, b.start) })
		p.sorted = true
	}
	after, _ := slices.BinarySearchFunc(p.entries, address, func(e jitted, a uint64) int {
		if e.start <= a {
			return -1
		}
		return 1
	})
	for i := after - 1; i >= max(0, after-8); i-- { // code that is freed is written over by smaller functions
		if e := p.entries[i]; address-e.start < uint64(e.size) {
			return strings.ToValidUTF8(string(p.names[e.name:e.name+e.long]), "")
		}
	}
	return ""
}
