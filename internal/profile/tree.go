// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package profile

import (
	"cmp"
	"slices"

	"github.com/tapio/tapio/internal/model"
)

// Node is a node of a pruned call tree.
type Node struct {
	Parent     int // index in the list, -1 for the root
	Name, File string
	// Self is the cost of the function itself in this place, Total that with all it
	// calls, what was pruned included.
	Self, Total int64
}

// rootName is what the root of a tree is shown as.
const rootName = "total"

// Prune returns the costliest nodes of a tree, at most so many, each after its parent
// and the costliest of siblings first. Frames of one function are one node.
func Prune(t *model.CallTree, most int) []Node {
	if len(t.Nodes) == 0 || most <= 0 {
		return nil
	}
	merged, names := byFunction(t)
	kept := costliest(merged, most)
	below := childrenOf(merged)
	var list []Node
	place := make([]int, len(merged.Nodes))
	stack := []uint32{0}
	for len(stack) > 0 {
		i := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		n := &merged.Nodes[i]
		place[i] = len(list)
		node := Node{Parent: -1, Name: rootName, Self: n.Self, Total: n.Total}
		if i > 0 {
			f := &merged.Frames[n.Frame]
			node.Parent, node.Name, node.File = place[n.Parent], names[n.Frame], f.File
		}
		list = append(list, node)
		var next []uint32
		for _, child := range below.of(i) {
			if kept[child] {
				next = append(next, child)
			}
		}
		slices.SortFunc(next, func(a, b uint32) int { // the stack turns it round
			return cmp.Or(cmp.Compare(merged.Nodes[a].Total, merged.Nodes[b].Total), cmp.Compare(b, a))
		})
		stack = append(stack, next...)
	}
	return list
}

// byFunction merges the nodes that are shown alike. Frames of the result are functions,
// with their names beside them.
func byFunction(t *model.CallTree) (merged *model.CallTree, names []string) {
	ids := nameFrames(t)
	merged = &model.CallTree{Frames: make([]model.Frame, len(ids.texts)), Nodes: []model.CallNode{{Self: t.Nodes[0].Self, Total: t.Nodes[0].Total}}}
	for frame, id := range ids.ids {
		if merged.Frames[id] == (model.Frame{}) {
			merged.Frames[id] = t.Frames[frame]
		}
	}
	type key struct{ parent, function uint32 }
	known := map[key]uint32{}
	place := make([]uint32, len(t.Nodes))
	for i := 1; i < len(t.Nodes); i++ {
		n := &t.Nodes[i]
		k := key{place[n.Parent], ids.ids[n.Frame]}
		at, found := known[k]
		if !found {
			at = uint32(len(merged.Nodes))
			known[k] = at
			merged.Nodes = append(merged.Nodes, model.CallNode{Parent: k.parent, Frame: k.function})
		}
		place[i] = at
		merged.Nodes[at].Self += n.Self
		merged.Nodes[at].Total += n.Total
	}
	return merged, ids.texts
}

// costliest marks the nodes with the highest totals, and with each all above it.
func costliest(t *model.CallTree, most int) []bool {
	kept := make([]bool, len(t.Nodes))
	if most >= len(t.Nodes) {
		for i := range kept {
			kept[i] = true
		}
		return kept
	}
	order := make([]uint32, len(t.Nodes))
	for i := range order {
		order[i] = uint32(i)
	}
	// With the same total a parent comes first, for it has the lower index.
	slices.SortFunc(order, func(a, b uint32) int {
		return cmp.Or(cmp.Compare(t.Nodes[b].Total, t.Nodes[a].Total), cmp.Compare(a, b))
	})
	for _, i := range order[:most] {
		kept[i] = kept[t.Nodes[i].Parent] || i == 0
	}
	kept[0] = true
	return kept
}
