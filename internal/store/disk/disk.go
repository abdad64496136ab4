// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package disk is the part of a file system that the store uses, so that tests
// can have a disk that is full, that fails, or that loses what was not synced.
package disk

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// FS is a file system. Names are paths of the operating system. Implementations
// are safe for concurrent use.
type FS interface {
	// MkdirAll makes a folder, and those above it, if need be.
	MkdirAll(path string) error
	// Create makes an empty file, in the place of one of that name if there is one.
	Create(path string) (File, error)
	// Open opens a file for reading. An absent one gives fs.ErrNotExist.
	Open(path string) (ReadFile, error)
	// Rename gives a file another name, in the place of the one that has it.
	Rename(from, to string) error
	// Remove removes a file.
	Remove(path string) error
	// List returns the names of the files in a folder, sorted, with their sizes.
	List(path string) ([]Entry, error)
	// SyncFolder brings the names in a folder to the disk.
	SyncFolder(path string) error
	// Lock locks a file against other processes; it makes the file if need be.
	Lock(path string) (Lock, error)
}

// File is a file that is written from its begin to its end.
type File interface {
	io.Writer
	io.Closer
	// Sync brings what was written to the disk.
	Sync() error
	// Truncate cuts the file to so many bytes; what is written next follows them.
	Truncate(size int64) error
	// Linked reports whether the file still has a name.
	Linked() bool
}

// ReadFile is a file that is read.
type ReadFile interface {
	io.Reader
	io.Closer
	// Size is how many bytes the file has.
	Size() int64
}

// Entry is a file in a folder.
type Entry struct {
	Name string
	Size int64
}

// Lock is a locked file. Close releases it; so does the end of the process.
type Lock interface {
	io.Closer
	// Held reports whether the file still has the name that it was locked by.
	Held() bool
}

// LockedError reports that another process has the lock.
type LockedError struct {
	// Owner is the process that has it, "" if it is not known.
	Owner string
}

// Error names the owner.
func (e *LockedError) Error() string { return "is in use by process " + e.Owner }

// OS is the file system of the operating system.
type OS struct{}

var _ FS = OS{}

// MkdirAll implements FS.
func (OS) MkdirAll(path string) error { return os.MkdirAll(path, 0o700) }

// Create implements FS.
func (OS) Create(path string) (File, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

// Open implements FS.
func (OS) Open(path string) (ReadFile, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return osReadFile{f, info.Size()}, nil
}

// Rename implements FS.
func (OS) Rename(from, to string) error { return os.Rename(from, to) }

// Remove implements FS.
func (OS) Remove(path string) error { return os.Remove(path) }

// List implements FS.
func (OS) List(path string) ([]Entry, error) {
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, err
	}
	var list []Entry
	for _, e := range entries {
		info, err := e.Info()
		switch {
		case errors.Is(err, fs.ErrNotExist) || err == nil && info.IsDir():
		case err != nil:
			return nil, err
		default:
			list = append(list, Entry{Name: e.Name(), Size: info.Size()})
		}
	}
	return list, nil
}

// SyncFolder implements FS.
func (OS) SyncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// Lock implements FS.
func (OS) Lock(path string) (Lock, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		owner, _ := io.ReadAll(io.LimitReader(f, 20)) // for the message only
		_ = f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, &LockedError{Owner: strings.TrimSpace(string(owner))}
		}
		return nil, fmt.Errorf("%s cannot be locked: %w", filepath.Dir(path), err)
	}
	if err := f.Truncate(0); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if _, err := f.WriteAt(fmt.Appendln(nil, os.Getpid()), 0); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return osLock{f, path}, nil
}

type osFile struct{ *os.File }

// Truncate implements File. The offset follows the end of the file.
func (f osFile) Truncate(size int64) error {
	if err := f.File.Truncate(size); err != nil {
		return err
	}
	_, err := f.Seek(size, io.SeekStart)
	return err
}

// Linked implements File.
func (f osFile) Linked() bool {
	info, err := f.Stat()
	if err != nil {
		return false
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	return !ok || stat.Nlink > 0
}

type osReadFile struct {
	*os.File
	size int64
}

// Size implements ReadFile.
func (f osReadFile) Size() int64 { return f.size }

type osLock struct {
	*os.File
	path string
}

// Held implements Lock.
func (l osLock) Held() bool {
	own, err := l.Stat()
	if err != nil {
		return false
	}
	named, err := os.Stat(l.path)
	return err == nil && os.SameFile(own, named)
}

// ReadAll reads a file of at most so many bytes.
func ReadAll(fs FS, path string, most int64) ([]byte, error) {
	f, err := fs.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was only read
	if f.Size() > most {
		return nil, &SizeError{Size: f.Size(), Most: most}
	}
	data := make([]byte, f.Size())
	n, err := io.ReadFull(f, data)
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		err = nil // it was cut meanwhile
	}
	return data[:n], err
}

// SizeError reports that a file is larger than any that the store writes.
type SizeError struct{ Size, Most int64 }

// Error names both sizes.
func (e *SizeError) Error() string {
	return fmt.Sprintf("has %d bytes, the store writes at most %d", e.Size, e.Most)
}

// Replace writes a file beside its place, brings it to the disk and then puts it
// there, so that a file is whole or not there. It returns its length.
func Replace(fs FS, path string, write func(io.Writer) (int64, error)) (length int64, err error) {
	beside := path + TemporarySuffix
	f, err := fs.Create(beside)
	if err != nil {
		return 0, err
	}
	length, err = write(f)
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = fs.Rename(beside, path)
	}
	if err != nil {
		_ = fs.Remove(beside) // it takes space that is missing, perhaps
		return 0, err
	}
	return length, fs.SyncFolder(filepath.Dir(path))
}

// TemporarySuffix ends the names of files that are being written.
const TemporarySuffix = ".tmp"
