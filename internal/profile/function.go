// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package profile

import (
	"cmp"
	"slices"

	"github.com/tapio/tapio/internal/model"
)

// Function is what one function costs.
type Function struct {
	Name, File string
	Mapping    string
	// Self is the sum of the samples in the function itself, Total that with all it
	// calls. A sample in which it calls itself counts once.
	Self, Total int64
}

// Functions returns the cost of each function, the highest self cost first.
func Functions(t *model.CallTree) []Function {
	names := nameFrames(t)
	list := make([]Function, len(names.texts))
	for frame, id := range names.ids {
		if f := &list[id]; f.Name == "" {
			*f = Function{Name: names.texts[id], File: t.Frames[frame].File, Mapping: t.Frames[frame].Mapping}
		}
	}
	open := make([]int, len(list)) // how often each is on the stack
	walk(t, func(i uint32, enter bool) {
		if i == 0 {
			return
		}
		n := &t.Nodes[i]
		id := names.ids[n.Frame]
		if !enter {
			open[id]--
			return
		}
		list[id].Self += n.Self
		if open[id]++; open[id] == 1 {
			list[id].Total += n.Total
		}
	})
	slices.SortFunc(list, func(a, b Function) int {
		return cmp.Or(cmp.Compare(b.Self, a.Self), cmp.Compare(b.Total, a.Total), cmp.Compare(a.Name, b.Name))
	})
	return list
}

// frameNames groups frames by what they are shown as.
type frameNames struct {
	ids   []uint32 // by frame
	texts []string // by id
}

func nameFrames(t *model.CallTree) frameNames {
	n := frameNames{ids: make([]uint32, len(t.Frames))}
	known := map[string]uint32{}
	for i := range t.Frames {
		name := t.Frames[i].Name()
		id, found := known[name]
		if !found {
			id = uint32(len(n.texts))
			known[name] = id
			n.texts = append(n.texts, name)
		}
		n.ids[i] = id
	}
	return n
}

// walk visits the nodes below each other: enter, then all below, then leave.
func walk(t *model.CallTree, visit func(node uint32, enter bool)) {
	if len(t.Nodes) == 0 {
		return
	}
	children := childrenOf(t)
	type level struct {
		node uint32
		next int
	}
	visit(0, true)
	stack := []level{{}}
	for len(stack) > 0 {
		top := &stack[len(stack)-1]
		below := children.of(top.node)
		if top.next == len(below) {
			visit(top.node, false)
			stack = stack[:len(stack)-1]
			continue
		}
		child := below[top.next]
		top.next++
		visit(child, true)
		stack = append(stack, level{node: child})
	}
}

// children are the nodes below each node: those of node i are from starts[i] on.
type children struct {
	starts []uint32
	list   []uint32
}

func childrenOf(t *model.CallTree) children {
	c := children{starts: make([]uint32, len(t.Nodes)+1), list: make([]uint32, max(len(t.Nodes)-1, 0))}
	for i := 1; i < len(t.Nodes); i++ {
		c.starts[t.Nodes[i].Parent+1]++
	}
	for i := 1; i < len(c.starts); i++ {
		c.starts[i] += c.starts[i-1]
	}
	next := slices.Clone(c.starts)
	for i := 1; i < len(t.Nodes); i++ {
		parent := t.Nodes[i].Parent
		c.list[next[parent]] = uint32(i)
		next[parent]++
	}
	return c
}

func (c children) of(node uint32) []uint32 { return c.list[c.starts[node]:c.starts[node+1]] }

// Quality is how much of a tree can be relied on, in its unit.
type Quality struct {
	// Unsymbolized is the sum of the samples whose innermost frame has no function
	// name, Truncated that of those whose stack is not complete.
	Unsymbolized, Truncated int64
}

// QualityOf measures a tree.
func QualityOf(t *model.CallTree) (q Quality) {
	truncated := make([]bool, len(t.Nodes))
	for i := 1; i < len(t.Nodes); i++ {
		n := &t.Nodes[i]
		f := &t.Frames[n.Frame]
		truncated[i] = truncated[n.Parent] || f.IsTruncated()
		if truncated[i] {
			q.Truncated += n.Self
		}
		if f.Function == "" && !f.IsTruncated() {
			q.Unsymbolized += n.Self
		}
	}
	return q
}
