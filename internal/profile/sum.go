// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package profile

import (
	"github.com/tapio/tapio/internal/model"
)

// nodeKey finds a node of a sum by the one that called it.
type nodeKey struct{ parent, frame uint32 }

// Sum adds up call trees of one sample type, such as those of several servers.
type Sum struct {
	tree   model.CallTree
	frames map[model.Frame]uint32
	nodes  map[nodeKey]uint32
	most   int
}

// NewSum makes an empty sum that holds so many nodes at most.
func NewSum(most int) *Sum {
	return &Sum{frames: map[model.Frame]uint32{}, nodes: map[nodeKey]uint32{}, most: most}
}

// Add adds a tree. Another unit than that of the trees before is a *model.FieldError,
// more nodes than there is room for a *model.ExhaustedError.
func (s *Sum) Add(t *model.CallTree) error {
	if len(t.Nodes) == 0 {
		return nil
	}
	if len(s.tree.Nodes) == 0 {
		s.tree.Type, s.tree.First, s.tree.Last = t.Type, t.First, t.Last
		s.tree.Nodes = []model.CallNode{{}}
	}
	if s.tree.Type.Unit != t.Type.Unit {
		return model.InvalidField("filter", "selects profiles of %s in %s and in %s, which do not add up: narrow it",
			t.Type.Name, s.tree.Type.Unit, t.Type.Unit)
	}
	s.tree.Profiles += t.Profiles
	s.tree.Samples += t.Samples
	s.tree.Duration += t.Duration
	s.tree.First, s.tree.Last = min(s.tree.First, t.First), max(s.tree.Last, t.Last)
	place := make([]uint32, len(t.Nodes))
	for i := range t.Nodes {
		n := &t.Nodes[i]
		if i > 0 {
			at, err := s.child(place[n.Parent], &t.Frames[n.Frame])
			if err != nil {
				return err
			}
			place[i] = at
		}
		to := &s.tree.Nodes[place[i]]
		to.Self += n.Self
		to.Total += n.Total
	}
	return nil
}

// child returns the node of a frame below another one.
func (s *Sum) child(parent uint32, frame *model.Frame) (uint32, error) {
	id, known := s.frames[*frame]
	if !known {
		id = uint32(len(s.tree.Frames))
		s.frames[*frame] = id
		s.tree.Frames = append(s.tree.Frames, *frame)
	}
	key := nodeKey{parent, id}
	at, known := s.nodes[key]
	if !known {
		if len(s.tree.Nodes) >= s.most {
			return 0, model.Exhausted("the merged profile has more than %d places in its call tree: narrow the filter or the time range, "+
				"or raise store::query_memory of the tapio extension", s.most)
		}
		at = uint32(len(s.tree.Nodes))
		s.nodes[key] = at
		s.tree.Nodes = append(s.tree.Nodes, model.CallNode{Parent: parent, Frame: id})
	}
	return at, nil
}

// Tree returns the sum. It is a tree without nodes if all that was added was.
func (s *Sum) Tree() *model.CallTree { return &s.tree }

// Unflatten makes the tree of a flat profile. What the profile does not hold, how many
// profiles and observations it sums up, is the caller's to set.
func Unflatten(p *model.Profile) *model.CallTree {
	s := NewSum(maxFlatFrames)
	s.tree.Type, s.tree.Duration, s.tree.First, s.tree.Last = p.Type, p.Duration, p.Time, p.Time
	if len(p.Samples) == 0 {
		return &s.tree
	}
	s.tree.Nodes = []model.CallNode{{}}
	for i := range p.Samples {
		var value int64
		for _, one := range p.Samples[i].Values {
			value += one
		}
		at := uint32(0)
		s.tree.Nodes[at].Total += value
		stack := p.Dictionary.Stacks[p.Samples[i].Stack]
		for j := len(stack) - 1; j >= 0; j-- {
			next, err := s.child(at, &p.Dictionary.Frames[stack[j]])
			if err != nil {
				break // deeper frames count where there was room
			}
			at = next
			s.tree.Nodes[at].Total += value
		}
		s.tree.Nodes[at].Self += value
	}
	return &s.tree
}
