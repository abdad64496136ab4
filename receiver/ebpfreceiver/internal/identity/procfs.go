//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// procfs reads what /proc has of processes.
type procfs struct {
	root string
	// denied counts processes whose environment may not be read.
	denied int
}

// link reads one of the links of a process, if it is that process still.
func (f *procfs) link(key Key, name string) string {
	to, err := os.Readlink(f.file(key.PID, name))
	if err != nil {
		return ""
	}
	if stat, err := f.stat(key.PID); err != nil || stat.key != key {
		return ""
	}
	return strings.TrimSuffix(to, " (deleted)")
}

// commandLineOf is commandLine of that process, not of one that came after it.
func (f *procfs) commandLineOf(key Key) []string {
	args := f.commandLine(key.PID)
	if stat, err := f.stat(key.PID); err != nil || stat.key != key {
		return nil
	}
	return args
}

// environment reads what a process declares. Where that is not permitted it counts
// the process.
func (f *procfs) environment(pid uint32) (d Declared, permitted bool) {
	block, err := f.readBlock(pid, "environ")
	if errors.Is(err, fs.ErrPermission) {
		f.denied++
		return d, false
	}
	var variables []string
	for variable := range bytes.SplitSeq(block, []byte{0}) {
		if bytes.HasPrefix(variable, []byte(serviceName)) || bytes.HasPrefix(variable, []byte(resourceAttributes)) {
			variables = append(variables, string(variable))
		}
	}
	clear(block)
	return DeclaredBy(variables...), true
}

// commandLine is that of a process, nil if it cannot be had.
func (f *procfs) commandLine(pid uint32) []string {
	block, err := f.readBlock(pid, "cmdline")
	if err != nil || len(block) == 0 {
		return nil
	}
	return strings.Split(strings.TrimSuffix(string(block), "\x00"), "\x00")
}

func (f *procfs) readBlock(pid uint32, name string) ([]byte, error) {
	file, err := os.Open(f.file(pid, name))
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	return io.ReadAll(io.LimitReader(file, maxBlock))
}

func (f *procfs) file(pid uint32, name string) string {
	return filepath.Join(f.root, strconv.FormatUint(uint64(pid), 10), name)
}

// workingFolder is "" if it cannot be had.
func (f *procfs) workingFolder(pid uint32) string {
	folder, err := os.Readlink(f.file(pid, "cwd"))
	if err != nil {
		return ""
	}
	return folder
}

func (f *procfs) stat(pid uint32) (procStat, error) {
	text, err := os.ReadFile(f.file(pid, "stat"))
	if err != nil {
		return procStat{}, err
	}
	return parseStat(pid, text)
}
