//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/identity"
)

func TestTheBusiestProgramsHaveSeriesOfTheirOwn(t *testing.T) {
	top, place := newTopPrograms(2), &identity.Place{}
	of := func(name string) program { return program{place: place, name: name} }
	top.rank(map[program]float64{of("a"): 100, of("b"): 10, of("c"): 1})
	assert.True(t, top.has(of("a")))
	assert.True(t, top.has(of("b")))
	assert.False(t, top.has(of("c")))
	top.rank(map[program]float64{of("a"): 100, of("b"): 10, of("c"): 15})
	assert.False(t, top.has(of("c")), "a little more is not enough")
	top.rank(map[program]float64{of("a"): 100, of("c"): 1000})
	assert.True(t, top.has(of("c")))
	assert.False(t, top.has(of("b")))
	for range 200 {
		top.rank(map[program]float64{of("c"): 10})
	}
	assert.False(t, top.has(of("a")), "who does nothing loses its place")
	assert.Len(t, top.scores, 1)
	assert.Equal(t, 1, top.named)
}

func TestTheProgramsThatAreComparedHaveABound(t *testing.T) {
	top, place := newTopPrograms(2), &identity.Place{}
	for n := range maxScores + 100 {
		top.rank(map[program]float64{{place: place, name: string(rune(n))}: 1})
	}
	assert.LessOrEqual(t, len(top.scores), maxScores)
}
