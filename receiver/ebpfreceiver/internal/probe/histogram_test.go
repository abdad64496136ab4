// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package probe

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestSeriesHaveABoundAndCountWhatIsTurnedAway(t *testing.T) {
	s, began := newSeries[int, int](), time.Unix(100, 0)
	for key := range maxSeries + 5 {
		if value := s.of(key, began, began); value != nil {
			*value++
		}
	}
	assert.Len(t, s.byKey, maxSeries)
	assert.Equal(t, uint64(5), s.full.Load())
	told := 0
	s.changed(began.Add(idle+1), func(int, *int, time.Time) { told++ })
	assert.Zero(t, told, "what did not grow is not told")
	assert.Empty(t, s.byKey, "and long after it is forgotten")
}

func TestCallsHaveNames(t *testing.T) {
	names := syscallNames()
	assert.Greater(t, len(names), 250)
	assert.Equal(t, "", names[100000])
}
