// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"log"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

const block = 4096

// openDirect opens a file for writes that are on the disk when they return.
func openDirect(path string) *os.File {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|unix.O_DIRECT|unix.O_DSYNC, 0o600)
	if err != nil {
		log.Fatal(err)
	}
	return file
}

// write writes one block, if the service has a disk.
func (s *shopd) write() error {
	if s.disk == nil {
		return nil
	}
	select {
	case s.writers <- struct{}{}:
		defer func() { <-s.writers }()
	default:
		return errors.New("too many writes wait for the disk")
	}
	memory := make([]byte, 2*block)
	at := block - int(uintptr(unsafe.Pointer(&memory[0]))%block) // direct writes want it aligned
	_, err := s.disk.WriteAt(memory[at:at+block], 0)
	return err
}
