// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestGarbageIsReadFromAHeapProfile(t *testing.T) {
	g, err := readGarbage(strings.NewReader("heap profile: 1: 2\n1: 2 [3: 4] @ 0x1\n\n# runtime.MemStats\n" +
		"# HeapAlloc = 5242880\n# HeapObjects = 1234\n# PauseNs = [30000 10000 50000 0 0]\n# NumGC = 3\n"))
	require.NoError(t, err)
	assert.Equal(t, "Heap objects: 1234 in 5 MiB; garbage collections: 3, pauses of the latest 3: median 30µs, p99 50µs, longest 50µs", g.String())
	_, err = readGarbage(strings.NewReader("nothing"))
	require.Error(t, err)
}
