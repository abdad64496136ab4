// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package profile

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/model"
)

// sampled is a tree of samples, each given from the root to the leaf.
func sampled(samples ...[]string) *model.CallTree {
	t := &model.CallTree{Nodes: make([]model.CallNode, 1)}
	for _, stack := range samples {
		at := uint32(0)
		t.Nodes[0].Total++
		for _, name := range stack {
			at = step(t, at, model.Frame{Function: name})
			t.Nodes[at].Total++
		}
		t.Nodes[at].Self++
	}
	return t
}

func step(t *model.CallTree, parent uint32, frame model.Frame) uint32 {
	for i := 1; i < len(t.Nodes); i++ {
		if t.Nodes[i].Parent == parent && t.Frames[t.Nodes[i].Frame] == frame {
			return uint32(i)
		}
	}
	t.Nodes = append(t.Nodes, model.CallNode{Parent: parent, Frame: uint32(len(t.Frames))})
	t.Frames = append(t.Frames, frame)
	return uint32(len(t.Nodes) - 1)
}

func TestFunctions(t *testing.T) {
	got := Functions(sampled([]string{"main", "f", "g"}, []string{"main", "f", "g", "f"}, []string{"main", "f", "f", "f"}, []string{"main"}))
	assert.Equal(t, []Function{
		{Name: "f", Self: 2, Total: 3}, // of a recursion only the outermost call counts
		{Name: "main", Self: 1, Total: 4},
		{Name: "g", Self: 1, Total: 2},
	}, got)
	assert.Empty(t, Functions(&model.CallTree{}))
}

func TestNames(t *testing.T) {
	for want, frame := range map[string]model.Frame{
		"f":                        {Function: "f", Mapping: "/bin/app"},
		"libc.so.6 [unsymbolized]": {Mapping: "/usr/lib/libc.so.6", Address: 7},
		"[unknown]":                {Address: 7},
		"[truncated]":              {Kind: model.FrameAborted},
	} {
		assert.Equal(t, want, frame.Name())
	}
}

func TestPruneKeepsTheCostliest(t *testing.T) {
	tree := sampled([]string{"main", "a"}, []string{"main", "a", "x"}, []string{"main", "a", "x"}, []string{"main", "b", "y"}, []string{"other"})
	assert.Equal(t, []Node{
		{Parent: -1, Name: "total", Total: 5},
		{Parent: 0, Name: "main", Total: 4},
		{Parent: 1, Name: "a", Self: 1, Total: 3},
		{Parent: 2, Name: "x", Self: 2, Total: 2},
	}, Prune(tree, 4))
	whole := Prune(tree, 100)
	assert.Len(t, whole, 7)
	for i, node := range whole {
		assert.Less(t, node.Parent, i)
	}
	assert.Equal(t, whole, Prune(tree, 7))
	assert.Empty(t, Prune(tree, 0))
	assert.Empty(t, Prune(&model.CallTree{}, 10))
	assert.Len(t, Prune(tree, 1), 1)
}

// The lines of one function are one node.
func TestPruneMergesLines(t *testing.T) {
	tree := &model.CallTree{Nodes: make([]model.CallNode, 1)}
	for line := range int64(3) {
		at := step(tree, step(tree, 0, model.Frame{Function: "f", Line: line}), model.Frame{Function: "g"})
		tree.Nodes[at].Self, tree.Nodes[at].Total = 1, 1
		tree.Nodes[tree.Nodes[at].Parent].Total = 1
		tree.Nodes[0].Total++
	}
	assert.Equal(t, []Node{
		{Parent: -1, Name: "total", Total: 3}, {Parent: 0, Name: "f", Total: 3}, {Parent: 1, Name: "g", Self: 3, Total: 3},
	}, Prune(tree, 10))
}

func TestQuality(t *testing.T) {
	tree := &model.CallTree{Nodes: make([]model.CallNode, 1)}
	cut := step(tree, 0, model.Frame{Kind: model.FrameTruncated})
	leaf := step(tree, cut, model.Frame{Function: "f"})
	native := step(tree, 0, model.Frame{Mapping: "libc.so.6"})
	tree.Nodes[leaf].Self, tree.Nodes[native].Self = 3, 4
	assert.Equal(t, Quality{Unsymbolized: 4, Truncated: 3}, QualityOf(tree))
}

func TestFlattenKeepsAllSamples(t *testing.T) {
	flat, err := Flatten(sampled([]string{"main", "a"}, []string{"main", "a", "x"}, []string{"main", "a"}))
	require.NoError(t, err)
	require.Len(t, flat.Samples, 2)
	assert.Equal(t, []int64{2}, flat.Samples[0].Values)
	assert.Equal(t, []uint32{1, 0}, flat.Dictionary.Stacks[0], "the leaf first")
}
