//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package symbols

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Process is one that runs, or ran, one program.
type Process struct {
	PID   uint32
	Start uint64 // in hundredths of a second since boot
	// Image is where the kernel put the arguments of the program: another place after an
	// exec. 0 if it is not known.
	Image uint64
}

var errGone = errors.New("the process is gone, or runs another program")

const (
	// maxMaps bounds what is read of a list of mappings, maxMappings how many of them
	// are kept of a process.
	maxMaps     = 8 << 20
	maxMappings = 8192
)

// mapping is a part of a file, or of memory, that a process executes.
type mapping struct {
	start, end, offset uint64
	inode              uint64
	path               string
	key                string // of the object, once the file was opened
	failed             bool   // it has no object
	failedIn           uint64 // the batch in which it could not be opened
}

// isFile reports whether there is a file behind the mapping.
func (m *mapping) isFile() bool { return m.inode != 0 && strings.HasPrefix(m.path, "/") }

// name is the last part of the path.
func (m *mapping) name() string {
	path := strings.TrimSuffix(m.path, " (deleted)")
	return path[strings.LastIndexByte(path, '/')+1:]
}

// readMappings returns what the process executes, in the order of the addresses.
func readMappings(proc string, of Process) ([]mapping, error) {
	if !runs(proc, of) {
		return nil, errGone
	}
	text, err := readBounded(procFile(proc, of.PID, "maps"), maxMaps)
	if err != nil {
		return nil, err
	}
	if !runs(proc, of) {
		return nil, errGone
	}
	return parseMappings(text), nil
}

func parseMappings(text []byte) (list []mapping) {
	for line := range bytes.Lines(text) {
		m, ok := parseMapping(string(line))
		if !ok || len(list) > 0 && m.start < list[len(list)-1].end {
			continue
		}
		if list = append(list, m); len(list) == maxMappings {
			break
		}
	}
	return list
}

// parseMapping reads a line of /proc/PID/maps: start-end permissions offset device inode path.
func parseMapping(line string) (m mapping, ok bool) {
	addresses, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
	permissions, rest, _ := strings.Cut(rest, " ")
	offset, rest, _ := strings.Cut(rest, " ")
	_, rest, _ = strings.Cut(rest, " ")
	inode, path, _ := strings.Cut(rest, " ")
	if len(permissions) != 4 || permissions[2] != 'x' {
		return m, false
	}
	from, to, _ := strings.Cut(addresses, "-")
	var errs [4]error
	m.start, errs[0] = strconv.ParseUint(from, 16, 64)
	m.end, errs[1] = strconv.ParseUint(to, 16, 64)
	m.offset, errs[2] = strconv.ParseUint(offset, 16, 64)
	m.inode, errs[3] = strconv.ParseUint(inode, 10, 64)
	m.path = strings.Clone(strings.TrimLeft(path, " "))
	return m, errors.Join(errs[:]...) == nil && m.start < m.end
}

// runs reports whether the process is there still and runs the same program.
func runs(proc string, of Process) bool {
	text, err := readBounded(procFile(proc, of.PID, "stat"), 4<<10)
	if err != nil {
		return false
	}
	start, image, err := parseStat(text)
	return err == nil && start == of.Start && (of.Image == 0 || image == 0 || image == of.Image)
}

// parseStat returns the start of a process and where its arguments are, 0 if this process
// may not know.
func parseStat(text []byte) (start, image uint64, err error) {
	const startField, imageField = 22 - 3, 48 - 3 // from the state on, which is field 3
	fields := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
	if len(fields) <= imageField {
		return 0, 0, fmt.Errorf("stat has %d fields after the name", len(fields))
	}
	start, err = strconv.ParseUint(string(fields[startField]), 10, 64)
	if err != nil {
		return 0, 0, err
	}
	image, err = strconv.ParseUint(string(fields[imageField]), 10, 64)
	return start, image, err
}

// statusField returns the last word of a line of /proc/PID/status.
func statusField(proc string, pid uint32, name string) string {
	text, err := readBounded(procFile(proc, pid, "status"), 16<<10)
	if err != nil {
		return ""
	}
	for line := range bytes.Lines(text) {
		if key, value, found := strings.Cut(string(line), ":"); found && key == name {
			words := strings.Fields(value)
			if len(words) > 0 {
				return words[len(words)-1]
			}
		}
	}
	return ""
}

func procFile(proc string, pid uint32, name string) string {
	return filepath.Join(proc, strconv.FormatUint(uint64(pid), 10), name)
}

// readBounded reads a file up to that many bytes.
func readBounded(name string, limit int64) ([]byte, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	return readSection(file, limit)
}
