// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package profilerules

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/pprof"
)

// treeOf adds up the samples of a profile.
func treeOf(p *model.Profile) *model.CallTree {
	t := &model.CallTree{
		Type: p.Type, Frames: p.Dictionary.Frames, Nodes: make([]model.CallNode, 1), Profiles: 1, Duration: p.Duration,
	}
	type place struct{ parent, frame uint32 }
	known := map[place]uint32{}
	for _, s := range p.Samples {
		at := uint32(0)
		stack := p.Dictionary.Stacks[s.Stack]
		for i := len(stack) - 1; i >= 0; i-- {
			key := place{at, stack[i]}
			if _, found := known[key]; !found {
				known[key] = uint32(len(t.Nodes))
				t.Nodes = append(t.Nodes, model.CallNode{Parent: at, Frame: stack[i]})
			}
			at = known[key]
		}
		for _, value := range s.Values {
			t.Nodes[at].Self += value
			t.Samples++
		}
	}
	for i := len(t.Nodes) - 1; i >= 0; i-- {
		t.Nodes[i].Total += t.Nodes[i].Self
		if i > 0 {
			t.Nodes[t.Nodes[i].Parent].Total += t.Nodes[i].Total
		}
	}
	return t
}

// folded is the tree of folded stacks of a sample type.
func folded(t *testing.T, kind model.ProfileType, stacks string) *model.CallTree {
	t.Helper()
	p, err := pprof.DecodeFolded([]byte(stacks), kind, 1)
	require.NoError(t, err)
	return treeOf(p)
}

func cpuSamples() model.ProfileType { return model.ProfileType{Name: "samples", Unit: "count"} }

// found returns the shares by name of rule.
func found(t *model.CallTree) map[string]float64 {
	shares := map[string]float64{}
	for _, b := range Find(t, nil) {
		shares[b.Rule.ID] = b.Share
	}
	return shares
}
