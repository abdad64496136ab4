// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package identity

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestStatOfAnOddlyNamedProcess(t *testing.T) {
	stat, err := parseStat(7, []byte("7 (a) R 1 (b) S 42 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 918273 0 0"))
	require.NoError(t, err)
	assert.Equal(t, procStat{key: Key{PID: 7, Start: 918273}, parent: 42, comm: "a) R 1 (b"}, stat)
}

func FuzzParseStat(f *testing.F) {
	f.Add([]byte("7 (a) S 42 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 918273 0 0"))
	f.Fuzz(func(t *testing.T, text []byte) {
		stat, err := parseStat(7, text)
		assert.True(t, err != nil || stat.key.PID == 7)
	})
}

func TestTableKnowsThisProcess(t *testing.T) {
	table := NewTable("/proc")
	require.NoError(t, table.Scan())
	stat, err := table.proc.stat(uint32(os.Getpid()))
	require.NoError(t, err)
	me, known := table.Known(stat.key)
	require.True(t, known)
	exe, err := os.Executable()
	require.NoError(t, err)
	assert.Equal(t, filepath.Base(exe), me.Name)
	ancestors := table.Ancestors(me)
	require.NotEmpty(t, ancestors)
	assert.Equal(t, uint32(os.Getppid()), ancestors[0].Key.PID)
}

func TestAPIDThatCameAgainIsAnotherProcess(t *testing.T) {
	table := NewTable("/proc")
	stat, err := table.proc.stat(uint32(os.Getpid()))
	require.NoError(t, err)
	earlier := stat.key
	earlier.Start--
	assert.Empty(t, table.Lookup(earlier, 0).Path, "of a process that has gone /proc tells nothing")
	assert.NotEmpty(t, table.Lookup(stat.key, 0).Path)
}

func TestTableHasABound(t *testing.T) {
	table := NewTable(t.TempDir())
	for pid := range uint32(2 * maxProcesses) {
		table.Lookup(Key{PID: pid + 1, Start: 1}, uint64(pid))
	}
	assert.Equal(t, maxProcesses, table.processes.Len())
	assert.LessOrEqual(t, table.byCgroup.Len(), maxPlaces)
}
