// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package lastseq

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestSequencesOutliveTheProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sequences")
	f, err := Open(path)
	require.NoError(t, err)
	_, known := f.Last(0, 0)
	assert.False(t, known, "a new file")
	kept := f.Keep(0, 5)
	f.Reserve(0, 100)
	kept.Store(17)

	again, err := Open(path) // as another process does after this one was killed
	require.NoError(t, err)
	last, known := again.Last(0, 100)
	assert.True(t, known)
	assert.EqualValues(t, 17, last)
	_, known = again.Last(0, 101)
	assert.False(t, known, "another release has written the state since")
	_, known = again.Last(1, 0)
	assert.False(t, known, "of a signal that is not kept")
	_, known = again.Last(200, 0)
	assert.False(t, known)

	third, err := Open(path)
	require.NoError(t, err)
	_, known = third.Last(0, 100)
	assert.False(t, known, "the one before kept none")
}

func TestAnotherBootOrFileIsNotValid(t *testing.T) {
	for name, change := range map[string]func([]byte) []byte{
		"boot":   func(b []byte) []byte { b[bootAt]++; return b },
		"format": func(b []byte) []byte { b[0]++; return b },
		"cut":    func(b []byte) []byte { return b[:10] },
		"empty":  func([]byte) []byte { return nil },
		"zero":   func(b []byte) []byte { return bytes.Repeat([]byte{0}, len(b)) },
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "sequences")
			f, err := Open(path)
			require.NoError(t, err)
			f.Keep(0, 5)
			data, err := os.ReadFile(path)
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(path, change(data), 0o600))
			again, err := Open(path)
			require.NoError(t, err)
			_, known := again.Last(0, 0)
			assert.False(t, known)
		})
	}
}

func TestNoFileKeepsNothing(t *testing.T) {
	_, err := Open(t.TempDir())
	require.Error(t, err)
	var f *File
	_, known := f.Last(0, 0)
	assert.False(t, known)
	assert.Nil(t, f.Keep(0, 1))
	f.Reserve(0, 1)
}
