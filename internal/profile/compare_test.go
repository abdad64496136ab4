// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package profile

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/model"
)

func TestScale(t *testing.T) {
	long, short := &model.CallTree{Duration: time.Minute, Profiles: 1}, &model.CallTree{Duration: time.Second, Profiles: 3}
	assert.InDelta(t, 60, Scale(long, short), 0)
	long.Duration = 0
	assert.InDelta(t, 1.0/3, Scale(long, short), 1e-9)
	assert.InDelta(t, 1, Scale(long, &model.CallTree{}), 0)
}

func TestCompare(t *testing.T) {
	now := sampled([]string{"main", "hot"}, []string{"main", "hot"}, []string{"main", "hot"}, []string{"main", "same"}, []string{"main", "same"})
	before := sampled([]string{"main", "gone"}, []string{"main", "same"})
	now.Duration, before.Duration = 2*time.Second, time.Second
	list := Compare(now, before, Scale(now, before))
	Sort(list, ByChange)
	assert.Equal(t, []Change{
		{Function: Function{Name: "hot", Self: 3, Total: 3}, SelfDelta: 3, TotalDelta: 3},
		{Function: Function{Name: "gone"}, SelfDelta: -2, TotalDelta: -2},
		{Function: Function{Name: "same", Self: 2, Total: 2}},
		{Function: Function{Name: "main", Total: 5}, TotalDelta: 1},
	}, list)
	Sort(list, ByTotal)
	assert.Equal(t, "main", list[0].Name)
	Sort(list, BySelf)
	assert.Equal(t, "hot", list[0].Name)
	for _, c := range Compare(now, nil, 1) {
		assert.Zero(t, c.SelfDelta)
	}
	for _, c := range Compare(now, &model.CallTree{}, 1) {
		assert.InDelta(t, c.Self, c.SelfDelta, 0, "all is new")
	}
}

func TestDeltas(t *testing.T) {
	now := sampled([]string{"main", "f"}, []string{"main", "f", "x"}, []string{"main", "g"})
	before := sampled([]string{"main", "f"}, []string{"f"})
	got := map[string]float64{}
	nodes := Prune(now, 10)
	for i, delta := range Deltas(nodes, before, Scale(now, before)) {
		got[nodes[i].Name] = delta
	}
	assert.Equal(t, map[string]float64{"total": 1, "main": 2, "f": 1, "x": 1, "g": 1}, got)
	assert.Equal(t, []float64{3}, Deltas(nodes[:1], &model.CallTree{}, 1))
}

func TestAround(t *testing.T) {
	tree := sampled([]string{"main", "a", "f", "x"}, []string{"main", "a", "f", "f", "x"}, []string{"main", "b", "f"}, []string{"f", "y"}, []string{"main"})
	callers, callees, err := Around(tree, "f", 10)
	require.NoError(t, err)
	assert.Equal(t, []Node{
		{Parent: -1, Name: "f", Self: 1, Total: 4}, // one sample has no caller
		{Parent: 0, Name: "a", Total: 2},
		{Parent: 1, Name: "main", Self: 2, Total: 2},
		{Parent: 0, Name: "b", Total: 1},
		{Parent: 3, Name: "main", Self: 1, Total: 1},
	}, callers)
	assert.Equal(t, []Node{
		{Parent: -1, Name: "f", Self: 1, Total: 4},
		{Parent: 0, Name: "x", Self: 1, Total: 1},
		{Parent: 0, Name: "f", Total: 1},
		{Parent: 2, Name: "x", Self: 1, Total: 1},
		{Parent: 0, Name: "y", Self: 1, Total: 1},
	}, callees)
	callers, callees, err = Around(tree, "nothing", 10)
	require.NoError(t, err)
	assert.Empty(t, callers)
	assert.Empty(t, callees)
}
