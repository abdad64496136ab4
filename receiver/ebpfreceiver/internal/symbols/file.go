//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package symbols

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// errBudget is the end of what may be read of a file.
var errBudget = errors.New("the file makes the reader read too much")

// budget lets so many bytes of a file be read.
type budget struct {
	file io.ReaderAt
	left int64
}

// ReadAt implements io.ReaderAt.
func (b *budget) ReadAt(p []byte, at int64) (int, error) {
	if b.left -= int64(len(p)); b.left < 0 {
		return 0, errBudget
	}
	return b.file.ReadAt(p, at)
}

func readSection(from io.Reader, limit int64) ([]byte, error) {
	return io.ReadAll(io.LimitReader(from, limit))
}

// fileID distinguishes files, also one from that which had its place before.
type fileID struct {
	device, inode  uint64
	size, modified int64
}

func (id *fileID) String() string {
	return fmt.Sprintf("%d:%d:%d:%d", id.device, id.inode, id.size, id.modified)
}

// identify fails for all but regular files: reading of others may not end.
func identify(file *os.File) (id fileID, owner uint32, err error) {
	var stat unix.Stat_t
	if err := unix.Fstat(int(file.Fd()), &stat); err != nil {
		return id, 0, err
	}
	if stat.Mode&unix.S_IFMT != unix.S_IFREG {
		return id, 0, fmt.Errorf("%s: not a regular file", file.Name())
	}
	return fileID{stat.Dev, stat.Ino, stat.Size, stat.Mtim.Nano()}, stat.Uid, nil
}

const openFlags = unix.O_RDONLY | unix.O_CLOEXEC | unix.O_NONBLOCK | unix.O_NOCTTY

// openIn opens a file as the processes under that root see it: symbolic links do not lead
// out of the root.
func openIn(root, path string) (*os.File, error) {
	folder, err := unix.Open(root, unix.O_PATH|unix.O_CLOEXEC|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: root, Err: err}
	}
	defer func() { _ = unix.Close(folder) }()
	name := filepath.Join(root, path)
	fd, err := unix.Openat2(folder, strings.TrimLeft(path, "/"), &unix.OpenHow{Flags: openFlags, Resolve: unix.RESOLVE_IN_ROOT})
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: name, Err: err}
	}
	return os.NewFile(uintptr(fd), name), nil
}

// openMapped opens the file that the process has mapped there, also one that was removed
// or replaced. Without the right to that it is the one that has the name now, if it still
// has the inode.
func openMapped(proc string, of Process, m *mapping) (*os.File, error) {
	exact := procFile(proc, of.PID, fmt.Sprintf("map_files/%x-%x", m.start, m.end))
	file, err := os.OpenFile(exact, openFlags, 0)
	if err != nil {
		if file, err = openIn(procFile(proc, of.PID, "root"), m.path); err != nil {
			return nil, err
		}
	}
	id, _, err := identify(file)
	switch {
	case err != nil:
	case file.Name() != exact && id.inode != m.inode:
		err = fmt.Errorf("%s: another file than the one that is mapped", m.path)
	case !runs(proc, of):
		err = errGone
	default:
		return file, nil
	}
	_ = file.Close()
	return nil, err
}
