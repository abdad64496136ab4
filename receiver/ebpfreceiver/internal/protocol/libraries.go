//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package protocol

import (
	"bufio"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// library is a file with libssl in it; containers may have the same one by
// different paths.
type library struct {
	path   string
	device uint64
	inode  uint64
}

// libraries finds the files of libssl that programs use.
type libraries struct {
	proc  string
	known map[library]struct{} // without their paths
}

func newLibraries(proc string) libraries { return libraries{proc: proc, known: map[library]struct{}{}} }

func (l *libraries) isNew(found library) bool {
	found.path = ""
	_, known := l.known[found]
	return !known
}

func (l *libraries) full() bool { return len(l.known) >= maxWatchedLibraries }

func (l *libraries) remember(found library) {
	found.path = ""
	l.known[found] = struct{}{}
}

// installed returns those of this host, whether used or not.
func (l *libraries) installed() (found []library) {
	for _, pattern := range []string{
		"/usr/lib/libssl.so.*", "/usr/lib64/libssl.so.*", "/usr/lib/*-linux-gnu*/libssl.so.*", "/lib/libssl.so.*", "/usr/local/lib*/libssl.so.*",
	} {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			continue // only of a pattern that is none
		}
		for _, path := range paths {
			found = appendLibrary(found, path)
		}
	}
	return found
}

// loadedByAll returns those that the processes of now have loaded.
func (l *libraries) loadedByAll() (found []library) {
	entries, err := os.ReadDir(l.proc)
	if err != nil {
		return nil
	}
	for _, entry := range entries {
		if pid, err := strconv.ParseUint(entry.Name(), 10, 32); err == nil {
			found = append(found, l.loadedBy(uint32(pid))...)
		}
	}
	return found
}

// loadedBy returns those of one process, by paths that lead into its container;
// none if it has gone.
func (l *libraries) loadedBy(pid uint32) (found []library) {
	folder := filepath.Join(l.proc, strconv.FormatUint(uint64(pid), 10))
	maps, err := os.Open(filepath.Join(folder, "maps"))
	if err != nil {
		return nil
	}
	defer func() { _ = maps.Close() }() // nothing was written
	lines := bufio.NewScanner(maps)
	for lines.Scan() {
		if path := librarySSL(lines.Text()); path != "" {
			found = appendLibrary(found, filepath.Join(folder, "root", path))
		}
	}
	return found
}

// librarySSL returns the path of libssl from a line of /proc/PID/maps that maps its
// code.
func librarySSL(line string) string {
	at := strings.IndexByte(line, '/')
	if at < 0 || !strings.Contains(line[:at], "r-xp") {
		return ""
	}
	path := line[at:]
	if strings.HasSuffix(path, " (deleted)") || !strings.HasPrefix(filepath.Base(path), "libssl.so") {
		return ""
	}
	return path
}

func appendLibrary(to []library, path string) []library {
	info, err := os.Stat(path)
	if err != nil {
		return to
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return to
	}
	return append(to, library{path: path, device: stat.Dev, inode: stat.Ino})
}
