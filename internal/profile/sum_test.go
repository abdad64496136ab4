// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package profile_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/profile"
)

// treeOf makes a tree in which main calls two functions, the second one from a library.
func treeOf(first, second int64, library string) *model.CallTree {
	return &model.CallTree{
		Type:   model.ProfileType{Name: "cpu", Unit: "nanoseconds"},
		Frames: []model.Frame{{Function: "main"}, {Function: "parse"}, {Mapping: library, BuildID: "1f", Address: 64, Kind: "native"}},
		Nodes: []model.CallNode{
			{Total: first + second + 5, Self: 2},
			{Parent: 0, Frame: 0, Total: first + second + 3, Self: 3},
			{Parent: 1, Frame: 1, Total: first, Self: first},
			{Parent: 1, Frame: 2, Total: second, Self: second},
		},
		Profiles: 2, Samples: 7, Duration: 10, First: 100, Last: 200,
	}
}

func TestTreesOfSeveralServersAddUp(t *testing.T) {
	sum := profile.NewSum(100)
	for _, tree := range []*model.CallTree{{}, treeOf(10, 20, "libone"), treeOf(1, 2, "libone"), treeOf(4, 8, "libtwo")} {
		tree.First, tree.Last = tree.First+model.Nanos(len(sum.Tree().Nodes)), tree.Last+model.Nanos(len(sum.Tree().Nodes))
		require.NoError(t, sum.Add(tree))
	}
	got := sum.Tree()
	assert.EqualValues(t, 60, got.Total())
	assert.Equal(t, []model.Frame{
		{Function: "main"},
		{Function: "parse"},
		{Mapping: "libone", BuildID: "1f", Address: 64, Kind: "native"},
		{Mapping: "libtwo", BuildID: "1f", Address: 64, Kind: "native"},
	}, got.Frames)
	assert.Equal(t, []model.CallNode{
		{Total: 60, Self: 6},
		{Total: 54, Self: 9},
		{Parent: 1, Frame: 1, Total: 15, Self: 15},
		{Parent: 1, Frame: 2, Total: 22, Self: 22},
		{Parent: 1, Frame: 3, Total: 8, Self: 8},
	}, got.Nodes)
	assert.EqualValues(t, 6, got.Profiles)
	assert.EqualValues(t, 21, got.Samples)
	assert.EqualValues(t, 30, got.Duration)
	assert.Equal(t, []model.Nanos{100, 204}, []model.Nanos{got.First, got.Last})
}

func TestASumIsBoundedAndOfOneUnit(t *testing.T) {
	sum := profile.NewSum(4)
	require.NoError(t, sum.Add(treeOf(1, 2, "one")))
	require.NoError(t, sum.Add(treeOf(1, 2, "one")), "no new nodes")
	var exhausted *model.ExhaustedError
	require.ErrorAs(t, sum.Add(treeOf(1, 2, "two")), &exhausted)
	other := treeOf(1, 2, "one")
	other.Type.Unit = "count"
	var fault *model.FieldError
	require.ErrorAs(t, sum.Add(other), &fault)
	assert.Equal(t, "filter", fault.Field)
}

func TestATreeComesBackFromAFlatProfile(t *testing.T) {
	tree := treeOf(10, 20, "lib")
	flat, err := profile.Flatten(tree)
	require.NoError(t, err)
	back := profile.Unflatten(flat)
	back.Profiles, back.Samples, back.Last = tree.Profiles, tree.Samples, tree.Last
	assert.Equal(t, tree, back)
}
