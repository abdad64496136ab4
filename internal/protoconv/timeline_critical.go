// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package protoconv

import (
	"cmp"
	"slices"

	"github.com/tapio/tapio/internal/model"
)

// visit is a node on the critical path and the instant up to which its time
// mattered.
type visit struct {
	node  int
	until model.Nanos
	// final: the end of the trace lies in this node's subtree.
	final bool
}

// criticalPath marks the chain of spans that decided when the trace ended. It
// goes back in time from the end: of a span's children the one that ended last
// was waited for, before it the one that ended last before it began, and so on.
func (t *tree) criticalPath() []bool {
	critical := make([]bool, len(t.spans))
	if len(t.roots) == 0 {
		return critical
	}
	last := slices.MaxFunc(t.roots, func(a, b int) int { return cmp.Compare(t.lastEnd[a], t.lastEnd[b]) })
	stack := []visit{{node: last, until: t.lastEnd[last], final: true}}
	for len(stack) > 0 {
		v := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		critical[v.node] = true
		stack = t.waitedFor(v, stack)
	}
	return critical
}

// waitedFor adds the children that a node waited for. A child that outlived the
// node counts up to the node's end, as clocks of two hosts never agree; but
// where such a child, or one below it, ended the trace, it leads the path.
func (t *tree) waitedFor(v visit, stack []visit) []visit {
	end := endOf(&t.spans[v.node])
	until := min(v.until, end)
	children := slices.Clone(t.children[v.node])
	if v.final && t.lastEnd[v.node] > end && len(children) > 0 {
		leader := slices.MaxFunc(children, func(a, b int) int { return cmp.Compare(t.lastEnd[a], t.lastEnd[b]) })
		stack = append(stack, visit{node: leader, until: v.until, final: true})
		children = slices.DeleteFunc(children, func(child int) bool { return child == leader })
		until = min(until, t.spans[leader].Start)
	}
	slices.SortStableFunc(children, func(a, b int) int {
		return cmp.Compare(endOf(&t.spans[b]), endOf(&t.spans[a]))
	})
	for _, child := range children {
		s := &t.spans[child]
		if min(endOf(s), end) > until || s.Start > until {
			continue
		}
		stack = append(stack, visit{node: child, until: until})
		until = s.Start
	}
	return stack
}
