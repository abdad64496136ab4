//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/kernel"
)

// What a call costs with the file probe off, with it on while the call is about
// other files, and with it on for the very file.
func BenchmarkFile(b *testing.B) {
	if os.Geteuid() != 0 {
		b.Skip("needs root: it puts programs into the kernel")
	}
	folder := b.TempDir()
	file := filepath.Join(folder, "some", "folders", "down", "file")
	require.NoError(b, os.MkdirAll(filepath.Dir(file), 0o755))
	require.NoError(b, os.WriteFile(file, nil, 0o644))
	for _, c := range []struct{ name, path string }{{"off", ""}, {"elsewhere", "/nowhere"}, {"watched", folder}} {
		b.Run(c.name, func(b *testing.B) {
			drain := func() {}
			if c.path != "" {
				drain = watchFiles(b, c.path)
			}
			b.Run("other call", func(b *testing.B) {
				for b.Loop() {
					unix.Getppid()
				}
			})
			b.Run("open and close", func(b *testing.B) { openAndClose(b, file, drain) })
			b.Run("write", func(b *testing.B) { writeByte(b, file) })
		})
	}
}

// watchFiles also reports the files of this process.
func watchFiles(b *testing.B, path string) (drain func()) {
	b.Helper()
	loaded, err := kernel.Open(8 << 20)
	require.NoError(b, err)
	reader, err := kernel.NewReader(loaded.Ring())
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, errors.Join(reader.Close(), loaded.Close())) })
	config := DefaultFileConfig()
	config.Paths = []string{path}
	p := newFiles(&config)
	p.own = 0
	require.Empty(b, p.Attach(loaded))
	return func() { reader.Drain(func([]byte) bool { return true }) }
}

func openAndClose(b *testing.B, file string, drain func()) {
	b.Helper()
	n := 0
	for b.Loop() {
		fd, err := unix.Open(file, unix.O_RDONLY, 0)
		if err != nil {
			b.Fatal(err)
		}
		_ = unix.Close(fd)
		if n++; n%10000 == 0 {
			drain()
		}
	}
}

func writeByte(b *testing.B, file string) {
	b.Helper()
	fd, err := unix.Open(file, unix.O_WRONLY, 0)
	require.NoError(b, err)
	defer unix.Close(fd)
	one := []byte{0}
	for b.Loop() {
		if _, err := unix.Pwrite(fd, one, 0); err != nil {
			b.Fatal(err)
		}
	}
}
