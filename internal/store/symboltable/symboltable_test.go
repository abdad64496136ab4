// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package symboltable

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/store/disk"
)

func opened(t *testing.T, limit int64, folder string) *Store {
	t.Helper()
	s := New(func() time.Time { return time.Unix(1_800_000_000, 0) })
	s.SetLimit(limit)
	if folder != "" {
		require.NoError(t, s.Open(disk.OS{}, folder, func(problem string, err error) { t.Log(problem, err) }))
	}
	return s
}

func library(buildID string) *model.SymbolTable {
	return &model.SymbolTable{
		BuildID: buildID, File: "libhash.so", Segments: []model.SymbolSegment{{Offset: 0x1000, Size: 0x1000, Address: 0x2000}},
		Functions: []model.SymbolFunction{
			{Address: 0x2100, Size: 0x10, Name: "hash", File: "hash.c", Line: 7}, {Address: 0x2000, Name: "begin"}, {Address: 0x2200, Name: "end"},
		},
	}
}

func nameOf(s *Store, f model.Frame) string {
	s.Resolve(&f)
	return f.Function
}

func TestResolve(t *testing.T) {
	s := opened(t, 1<<20, "")
	assert.Empty(t, s.List())
	_, evicted, err := s.Put(library("aa"), false)
	require.NoError(t, err)
	assert.Empty(t, evicted)
	frame := model.Frame{Kind: "native", BuildID: "aa", Mapping: "libhash.so", Address: 0x2105}
	require.True(t, s.Resolve(&frame))
	assert.Equal(t, model.Frame{Kind: "native", BuildID: "aa", Mapping: "libhash.so", Function: "hash", File: "hash.c", Line: 7}, frame)
	for name, test := range map[string]struct {
		frame model.Frame
		want  string
	}{
		"behind a function":           {model.Frame{Kind: "native", BuildID: "aa", Address: 0x2110}, ""},
		"up to the next":              {model.Frame{Kind: "native", BuildID: "aa", Address: 0x20ff}, "begin"},
		"behind the last":             {model.Frame{Kind: "native", BuildID: "aa", Address: 0x2201}, ""},
		"before the first":            {model.Frame{Kind: "native", BuildID: "aa", Address: 0x100}, ""},
		"pprof's place in the file":   {model.Frame{BuildID: "aa", Address: 0x1105}, "hash"},
		"pprof without a mapping":     {model.Frame{BuildID: "aa", Address: 0x2105}, "hash"},
		"another build":               {model.Frame{Kind: "native", BuildID: "bb", Address: 0x2105}, ""},
		"a function that is known":    {model.Frame{Function: "f", BuildID: "aa", Address: 0x2105}, "f"},
		"the missing part of a stack": {model.Frame{Kind: model.FrameTruncated, BuildID: "aa", Address: 0x2105}, ""},
	} {
		assert.Equal(t, test.want, nameOf(s, test.frame), name)
	}
}

func TestPartsOfATable(t *testing.T) {
	s := opened(t, 1<<20, "")
	part := &model.SymbolTable{BuildID: "aa", Functions: []model.SymbolFunction{{Address: 0x3000, Size: 8, Name: "late"}}}
	_, _, err := s.Put(part, true)
	require.ErrorContains(t, err, "more: adds functions to the table of build ID aa, which is not stored")
	_, _, err = s.Put(library("aa"), false)
	require.NoError(t, err)
	info, _, err := s.Put(part, true)
	require.NoError(t, err)
	assert.Equal(t, 4, info.Functions)
	assert.Equal(t, "late", nameOf(s, model.Frame{Kind: "native", BuildID: "aa", Address: 0x3001}))
	assert.Equal(t, "hash", nameOf(s, model.Frame{Kind: "native", BuildID: "aa", Address: 0x2101}))
	_, _, err = s.Put(part, false)
	require.NoError(t, err)
	assert.Empty(t, nameOf(s, model.Frame{Kind: "native", BuildID: "aa", Address: 0x2101}), "a first part replaces the table")
}

// Tables that were used the longest time ago go, with their files, and none is too large.
func TestBound(t *testing.T) {
	folder := t.TempDir()
	probe := newTable(library("0"), 0).Bytes
	s := opened(t, 3*probe+probe/2, folder)
	for i := range 3 {
		_, evicted, err := s.Put(library(fmt.Sprint(i)), false)
		require.NoError(t, err)
		require.Empty(t, evicted)
	}
	assert.Equal(t, "hash", nameOf(s, model.Frame{Kind: "native", BuildID: "0", Address: 0x2100}))
	_, evicted, err := s.Put(library("3"), false)
	require.NoError(t, err)
	assert.Equal(t, []string{"1"}, evicted)
	assert.LessOrEqual(t, s.Used(), s.limit)
	files, err := os.ReadDir(folder)
	require.NoError(t, err)
	assert.Len(t, files, 3)
	huge := library("huge")
	for i := range 1000 {
		huge.Functions = append(huge.Functions, model.SymbolFunction{Address: uint64(0x9000 + i), Name: fmt.Sprint("function", i)})
	}
	_, _, err = s.Put(huge, false)
	var fault *model.FieldError
	require.ErrorAs(t, err, &fault)
	assert.Equal(t, "functions", fault.Field)
	s.SetLimit(probe)
	assert.Len(t, s.List(), 1)
	s.SetLimit(0)
	assert.Empty(t, s.List())
}

// A restart finds the tables, and leaves out files that are damaged.
func TestDirectory(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "symbols")
	s := opened(t, 1<<20, folder)
	_, _, err := s.Put(library("aa"), false)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(folder, "damaged.symbols"), []byte("no table"), 0o600))
	again := opened(t, 1<<20, folder)
	assert.Equal(t, s.List(), again.List())
	assert.Equal(t, "hash", nameOf(again, model.Frame{Kind: "native", BuildID: "aa", Address: 0x2100}))
	assert.Empty(t, opened(t, 10, folder).List(), "what does not fit is left out")
}
