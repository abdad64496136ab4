//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestCallsHaveNames(t *testing.T) {
	names := SyscallNames()
	assert.Greater(t, len(names), 250)
	assert.Equal(t, "", names[100000])
	assert.Equal(t, "unknown", CallName(names, noCall))
}
