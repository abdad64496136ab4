// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package elffile

import (
	"debug/elf"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// The functions of the test binary itself are where its symbol table has them.
func TestReadsOwnFunctions(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("test binaries are ELF files on Linux only")
	}
	file, err := Read(os.Args[0])
	require.NoError(t, err)
	assert.NotEmpty(t, file.BuildID)
	assert.NotEmpty(t, file.Segments)
	byName := map[string]*tapiov1.SymbolFunction{}
	for _, f := range file.Functions {
		if _, known := byName[f.GetName()]; !known {
			byName[f.GetName()] = f
		}
	}
	own := runtime.FuncForPC(reflect.ValueOf(Read).Pointer())
	require.Contains(t, byName, own.Name())
	found := byName[own.Name()]
	wantFile, wantLine := own.FileLine(own.Entry())
	assert.Equal(t, wantFile, found.GetFile())
	assert.EqualValues(t, wantLine, found.GetLine())
	parsed, err := elf.Open(os.Args[0])
	require.NoError(t, err)
	defer parsed.Close()
	table, err := parsed.Symbols()
	if err != nil {
		t.Skipf("the test binary was stripped: %v", err)
	}
	for _, s := range table {
		if s.Name == own.Name() {
			assert.Equal(t, s.Value, found.GetAddress())
			assert.NotZero(t, found.GetSize())
		}
	}
}

func TestRefusesOtherFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "text")
	require.NoError(t, os.WriteFile(path, []byte("text"), 0o600))
	_, err := Read(path)
	assert.ErrorContains(t, err, "not an ELF file")
	_, err = Read(path + ".missing")
	assert.ErrorIs(t, err, os.ErrNotExist)
}

// Nothing in a file makes the reader fail other than with an error.
func FuzzRead(f *testing.F) {
	f.Add([]byte("\x7fELF\x02\x01\x01"))
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(t.TempDir(), "file")
		require.NoError(t, os.WriteFile(path, data, 0o600))
		if file, err := Read(path); err == nil {
			assert.NotEmpty(t, file.Functions)
		}
	})
}

func TestNames(t *testing.T) {
	for name, want := range map[string]string{
		"memcpy@@GLIBC_2.14": "memcpy", "_ZN4shop4hashEi": "shop::hash", "main": "main",
	} {
		assert.Equal(t, want, readable(name))
	}
	assert.Equal(t, "slices.Sort[...]", withoutTypes("slices.Sort[go.shape.[]int]"))
}
