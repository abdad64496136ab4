// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package symbols

import (
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// The bounds hold within a batch too: programs choose their paths and the names of their
// functions.
func TestBoundsHoldWithinABatch(t *testing.T) {
	const limit, n = 1 << 20, 8
	r := NewResolver(t.TempDir(), limit)
	for i := range n {
		p := &process{mappings: []mapping{{path: strings.Repeat("x", maxProcessBytes/4)}}}
		r.processes.Add(Process{PID: uint32(i)}, p)
		r.account(p)
		o := &object{}
		r.keep(strconv.Itoa(i), o)
		r.grow(o, limit/4)
		assert.LessOrEqual(t, r.inProcess, maxProcessBytes)
		assert.LessOrEqual(t, r.bytes, limit)
	}
	assert.Equal(t, 3, r.processes.Len())
	assert.Equal(t, 3, r.objects.Len())
	r.End()
}
