//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestTheHierarchyOfTheMemoryController(t *testing.T) {
	const head = "#subsys_name\thierarchy\tnum_cgroups\tenabled\ncpu\t3\t1\t1\n"
	assert.True(t, memoryIsV1(head+"memory\t9\t1\t1\n"))
	assert.False(t, memoryIsV1(head+"memory\t0\t1\t1\n"))
	assert.False(t, memoryIsV1("#subsys_name\thierarchy\tnum_cgroups\tenabled\n"))
}
