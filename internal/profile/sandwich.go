// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package profile

import "github.com/tapio/tapio/internal/model"

// Around returns the costliest callers and callees of a function, at most so many nodes
// of each. The root of both is the function; in the tree of callers each node is called
// by its children. Of a recursion the outermost call counts. A function with too many
// callers is a *model.ExhaustedError.
func Around(t *model.CallTree, name string, most int) (callers, callees []Node, err error) {
	names := nameFrames(t)
	up, down := newPartial(t, name), newPartial(t, name)
	inside := make([]bool, len(t.Nodes))
	place := make([]uint32, len(t.Nodes))
	for i := 1; i < len(t.Nodes); i++ {
		n := &t.Nodes[i]
		switch {
		case inside[n.Parent]:
			inside[i] = true
			place[i] = down.child(place[n.Parent], n.Frame)
			down.add(place[i], n.Self, n.Total)
		case names.texts[names.ids[n.Frame]] == name:
			inside[i] = true
			down.add(0, n.Self, n.Total)
			if err := up.callers(t, uint32(i)); err != nil {
				return nil, nil, err
			}
		}
	}
	if down.tree.Nodes[0].Total == 0 && down.tree.Nodes[0].Self == 0 {
		return nil, nil, nil
	}
	return up.prune(most), down.prune(most), nil
}

// The bounds of a tree of callers, which may be much larger than what it is made of: where
// callers share the beginning of their stacks, they do not share its end.
const (
	maxCallerNodes = 1 << 20
	maxCallerSteps = 16 << 20 // frames of all stacks that lead to the function
)

// partial is a tree that is made of parts of another one.
type partial struct {
	tree  model.CallTree
	name  string
	known map[[2]uint32]uint32
	steps int // frames of callers so far
}

func newPartial(t *model.CallTree, name string) *partial {
	return &partial{tree: model.CallTree{Frames: t.Frames, Nodes: make([]model.CallNode, 1)}, name: name, known: map[[2]uint32]uint32{}}
}

func (p *partial) child(parent, frame uint32) uint32 {
	key := [2]uint32{parent, frame}
	i, found := p.known[key]
	if !found {
		i = uint32(len(p.tree.Nodes))
		p.known[key] = i
		p.tree.Nodes = append(p.tree.Nodes, model.CallNode{Parent: parent, Frame: frame})
	}
	return i
}

func (p *partial) add(node uint32, self, total int64) {
	p.tree.Nodes[node].Self += self
	p.tree.Nodes[node].Total += total
}

// callers adds those above a node, up to the first.
func (p *partial) callers(t *model.CallTree, node uint32) error {
	total := t.Nodes[node].Total
	p.add(0, 0, total)
	at := uint32(0)
	for above := t.Nodes[node].Parent; above != 0; above = t.Nodes[above].Parent {
		at = p.child(at, t.Nodes[above].Frame)
		p.add(at, 0, total)
		if p.steps++; p.steps > maxCallerSteps || len(p.tree.Nodes) > maxCallerNodes {
			return model.Exhausted("function %.80q has too many callers: narrow the filter or the time range", p.name)
		}
	}
	p.add(at, total, 0)
	return nil
}

func (p *partial) prune(most int) []Node {
	nodes := Prune(&p.tree, most)
	if len(nodes) > 0 {
		nodes[0].Name = p.name
	}
	return nodes
}
