// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package profile

import (
	"testing"

	"github.com/stretchr/testify/assert"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// Callees stand below their callers, side by side, as wide as their share.
func TestFlames(t *testing.T) {
	node := func(parent int32, name string, total float64) *tapiov1.CallTreeNode {
		return &tapiov1.CallTreeNode{Parent: parent, Function: name, TotalValue: total}
	}
	rows := flames(&tapiov1.AnalyzeProfileResponse{CallTree: []*tapiov1.CallTreeNode{
		node(-1, "total", 100), node(0, "main", 80), node(1, "work", 50), node(1, "rest", 30), node(0, "gc", 20), node(4, "tiny", 0.1),
	}}, 50)
	type place struct {
		from, to int
		text     string
	}
	var got [][]place
	for _, row := range rows {
		var places []place
		for _, f := range row {
			places = append(places, place{f.from, f.to, f.text})
		}
		got = append(got, places)
	}
	assert.Equal(t, [][]place{
		{{0, 50, "total 100.0%"}},
		{{0, 40, "main 80.0%"}, {40, 50, "gc 20.0%"}},
		{{0, 25, "work 50.0%"}, {25, 40, "rest 30.0%"}},
	}, got)
	assert.Equal(t, "|work 50.0%----", fitted("work 50.0%", 15))
	assert.Equal(t, "|wo", fitted("work", 3))
	assert.Empty(t, flames(&tapiov1.AnalyzeProfileResponse{}, 50))
}

func TestCostText(t *testing.T) {
	for want, c := range map[string]struct {
		value float64
		unit  string
	}{
		"1.5s": {1.5e9, "nanoseconds"}, "2s": {2000, "milliseconds"}, "2.0 KiB": {2048, "bytes"},
		"-3": {-3, "count"}, "5 ticks": {5, "ticks"},
	} {
		assert.Equal(t, want, costText(c.value, c.unit))
	}
}
