// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package protoconv

import (
	"cmp"
	"slices"

	"github.com/tapio/tapio/internal/model"
)

// place is where a span stands in its trace.
type place struct {
	span     int // index into the spans of the trace
	depth    uint32
	selfTime model.Nanos
	critical bool
	orphan   bool // a parent is named but not stored
}

// layOut puts spans into tree order: a span before its children, siblings by
// start. Every span is placed once, whatever the ids are: of spans with one id
// the first takes the children, and a cycle of parents is cut where it is
// entered.
func layOut(spans []model.Span) []place {
	t := grow(spans)
	critical := t.criticalPath()
	out := make([]place, len(t.order))
	for i, node := range t.order {
		out[i] = place{
			span:     node,
			depth:    t.depth[node],
			selfTime: t.selfTime(node),
			critical: critical[node],
			orphan:   t.orphan[node],
		}
	}
	return out
}

// tree holds the spans of a trace as nodes, which are indexes into spans. It is
// walked with stacks of its own: a hostile trace may be one long chain.
type tree struct {
	spans    []model.Span
	children [][]int // by start
	roots    []int
	order    []int
	depth    []uint32
	orphan   []bool
	placed   []bool
	// lastEnd is the end of what ends last in a node's subtree.
	lastEnd []model.Nanos
}

func grow(spans []model.Span) *tree {
	t := &tree{
		spans:    spans,
		children: make([][]int, len(spans)),
		depth:    make([]uint32, len(spans)),
		orphan:   make([]bool, len(spans)),
		placed:   make([]bool, len(spans)),
		lastEnd:  make([]model.Nanos, len(spans)),
	}
	byStart := make([]int, len(spans))
	for i := range byStart {
		byStart[i] = i
	}
	slices.SortStableFunc(byStart, func(a, b int) int { return cmp.Compare(spans[a].Start, spans[b].Start) })
	roots := t.adopt(byStart)
	for _, root := range roots {
		t.descend(root)
	}
	for _, node := range byStart { // only what hangs on a cycle is left
		t.descend(node)
	}
	t.measure()
	return t
}

// adopt gives every node to its parent and returns those without one.
func (t *tree) adopt(byStart []int) (roots []int) {
	holder := make(map[model.SpanID]int, len(t.spans))
	for _, node := range byStart {
		if _, taken := holder[t.spans[node].SpanID]; !taken {
			holder[t.spans[node].SpanID] = node
		}
	}
	for _, node := range byStart {
		parent := t.spans[node].ParentID
		holding, stored := holder[parent]
		if parent.IsZero() || !stored {
			t.orphan[node] = !parent.IsZero()
			roots = append(roots, node)
			continue
		}
		t.children[holding] = append(t.children[holding], node)
	}
	return roots
}

// descend places a node and all below it, unless it has its place.
func (t *tree) descend(root int) {
	if t.placed[root] {
		return
	}
	t.roots = append(t.roots, root)
	t.placed[root] = true
	stack := []int{root}
	for len(stack) > 0 {
		node := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		t.order = append(t.order, node)
		t.children[node] = slices.DeleteFunc(t.children[node], func(child int) bool { return t.placed[child] })
		for _, child := range slices.Backward(t.children[node]) {
			t.placed[child] = true
			t.depth[child] = t.depth[node] + 1
			stack = append(stack, child)
		}
	}
}

// measure fills lastEnd, from the leaves up.
func (t *tree) measure() {
	for _, node := range slices.Backward(t.order) {
		t.lastEnd[node] = max(t.lastEnd[node], endOf(&t.spans[node]))
		for _, child := range t.children[node] {
			t.lastEnd[node] = max(t.lastEnd[node], t.lastEnd[child])
		}
	}
}

// selfTime is the duration of a node minus the union of its children's.
func (t *tree) selfTime(node int) model.Nanos {
	s := &t.spans[node]
	end, covered, until := endOf(s), model.Nanos(0), s.Start
	for _, child := range t.children[node] { // by start
		from := max(t.spans[child].Start, until)
		to := min(endOf(&t.spans[child]), end)
		if to > from {
			covered += to - from
			until = to
		}
	}
	return s.Duration() - covered
}

// endOf is the end of a span, or its start where the end lies before it.
func endOf(s *model.Span) model.Nanos { return max(s.Start, s.End) }
