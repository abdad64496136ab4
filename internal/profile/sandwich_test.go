// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package profile

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/model"
)

// Many callers at the end of one deep stack would be a tree of callers of many times its
// size.
func TestCallersAreBounded(t *testing.T) {
	tree := &model.CallTree{Nodes: make([]model.CallNode, 1)}
	const depth = 1000
	child := func(parent uint32, frame int) uint32 {
		tree.Nodes = append(tree.Nodes, model.CallNode{Parent: parent, Frame: uint32(frame), Self: 1, Total: 1})
		return uint32(len(tree.Nodes) - 1)
	}
	tree.Frames = append(tree.Frames, model.Frame{Function: "called"}, model.Frame{Function: "deep"})
	at := uint32(0)
	for range depth {
		at = child(at, 1)
	}
	for i := range maxCallerNodes / depth {
		tree.Frames = append(tree.Frames, model.Frame{Function: "caller", Line: int64(i)})
		child(child(at, len(tree.Frames)-1), 0)
	}
	_, _, err := Around(tree, "called", 10)
	var exhausted *model.ExhaustedError
	require.ErrorAs(t, err, &exhausted)
	require.ErrorContains(t, err, `"called" has too many callers`)
	callers, callees, err := Around(tree, "caller", 10)
	require.NoError(t, err)
	assert.Len(t, callers, 10)
	assert.Len(t, callees, 2)
}
