// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestPacerKeepsTheRateAndTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		assert.Equal(t, 20*time.Millisecond, batchEvery(150_000, 3))
		p := &pacer{begin: begin, end: begin.Add(time.Second), every: 20 * time.Millisecond}
		for range 10 {
			assert.True(t, p.next(t.Context()))
		}
		assert.Equal(t, 180*time.Millisecond, time.Since(begin))
		time.Sleep(200 * time.Millisecond) // late: the next ten come at once
		late := time.Now()
		for range 10 {
			assert.True(t, p.next(t.Context()))
		}
		assert.Equal(t, late, time.Now())
		left := 0
		for p.next(t.Context()) {
			left++
		}
		assert.Equal(t, 30, left, "50 batches in all")
	})
}
