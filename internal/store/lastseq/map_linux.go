// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package lastseq

import (
	"os"

	"golang.org/x/sys/unix"
)

// mapFile maps a file of so many bytes, which it makes if need be.
func mapFile(path string, size int) ([]byte, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // the mapping stays
	if err := unix.Fallocate(int(file.Fd()), 0, 0, int64(size)); err != nil {
		return nil, err // writing to a page for which there is no space would end the process
	}
	return unix.Mmap(int(file.Fd()), 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
}
