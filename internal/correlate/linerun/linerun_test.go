// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package linerun

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/tapio/tapio/internal/model"
)

func line(service string, span byte, time model.Nanos) Line {
	return Line{Span: model.SpanID{span}, Service: service, Time: time}
}

// shape is what a test compares of a run.
type shape struct {
	service          string
	start, end       model.Nanos
	parent           int
	called, answered model.Nanos
}

func shapes(lines []Line) []shape {
	var list []shape
	for _, r := range Of(lines) {
		list = append(list, shape{lines[r.Lines[0]].Service, r.Start, r.End, r.Parent, r.Called, r.Answered})
	}
	return list
}

func TestRunsNest(t *testing.T) {
	assert.Equal(t, []shape{
		{"shop", 0, 100, -1, 0, 0},
		{"cart", 20, 60, 0, 10, 70},
		{"redis-proxy", 35, 35, 1, 30, 60},
		{"mail", 80, 90, 0, 70, 100},
	}, shapes([]Line{
		line("shop", 1, 0), line("shop", 1, 10), line("cart", 2, 20), line("cart", 2, 30), line("redis-proxy", 3, 35),
		line("cart", 2, 60), line("shop", 1, 70), line("mail", 4, 80), line("mail", 4, 90), line("shop", 1, 100),
	}))
}

// Two calls without a line of the caller between them: the wait of the first ends as the
// second begins. Of calls at once each is waited for from line to line.
func TestCallsOneAfterTheOtherAndAtOnce(t *testing.T) {
	assert.Equal(t, []shape{
		{"shop", 0, 100, -1, 0, 0}, {"cart", 20, 30, 0, 0, 50}, {"mail", 50, 60, 0, 50, 100},
	}, shapes([]Line{line("shop", 1, 0), line("cart", 2, 20), line("cart", 2, 30), line("mail", 3, 50), line("mail", 3, 60), line("shop", 1, 100)}))
	assert.Equal(t, []shape{
		{"shop", 0, 100, -1, 0, 0}, {"cart", 20, 60, 0, 0, 100}, {"mail", 50, 70, 0, 0, 100},
	}, shapes([]Line{line("shop", 1, 0), line("cart", 2, 20), line("mail", 3, 50), line("cart", 2, 60), line("mail", 3, 70), line("shop", 1, 100)}))
}

// A part of the service's own work is no call. A run of two services under one span id are
// two, as where the callee sends no spans of its own.
func TestPartsOfAServiceAndSpansOfTwo(t *testing.T) {
	assert.Equal(t, []shape{
		{"shop", 0, 100, -1, 0, 0}, {"shop", 20, 30, 0, 0, 0}, {"cart", 40, 50, 0, 0, 100},
	}, shapes([]Line{line("shop", 1, 0), line("shop", 2, 20), line("shop", 2, 30), line("cart", 1, 40), line("cart", 1, 50), line("shop", 1, 100)}))
}

func TestWhatFollowsIsNotWithin(t *testing.T) {
	assert.Equal(t, []shape{{"shop", 0, 0, -1, 0, 0}, {"cart", 5, 9, -1, 0, 0}}, shapes([]Line{line("shop", 1, 0), line("cart", 2, 5), line("cart", 2, 9)}))
	assert.Empty(t, Of(nil))
}
