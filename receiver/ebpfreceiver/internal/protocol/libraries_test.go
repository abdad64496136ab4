//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package protocol

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestLibrarySSLIsFoundInMaps(t *testing.T) {
	for line, want := range map[string]string{
		"7f0-7f1 r-xp 0001e000 08:01 42   /usr/lib/libssl.so.3":           "/usr/lib/libssl.so.3",
		"7f0-7f1 r-xp 0001e000 08:01 42   /opt/my app/libssl.so.1.1":      "/opt/my app/libssl.so.1.1",
		"7f0-7f1 r--p 00000000 08:01 42   /usr/lib/libssl.so.3":           "",
		"7f0-7f1 r-xp 0001e000 08:01 42   /usr/lib/libssl.so.3 (deleted)": "",
		"7f0-7f1 r-xp 0001e000 08:01 42   /usr/lib/libcrypto.so.3":        "",
		"7f0-7f1 r-xp 00000000 00:00 0    [vdso]":                         "",
	} {
		assert.Equal(t, want, librarySSL(line), line)
	}
}

// The same file by two paths, as two processes of a container have it, is one.
func TestALibraryIsWatchedOnce(t *testing.T) {
	folder := t.TempDir()
	one, two := filepath.Join(folder, "libssl.so.3"), filepath.Join(folder, "libssl.so")
	require.NoError(t, os.WriteFile(one, nil, 0o600))
	require.NoError(t, os.Link(one, two))
	found := appendLibrary(appendLibrary(nil, one), two)
	known := newLibraries(folder)
	assert.True(t, known.isNew(found[0]))
	known.remember(found[0])
	assert.False(t, known.isNew(found[1]))
	assert.Empty(t, known.loadedBy(4711), "a process that has gone")
}
