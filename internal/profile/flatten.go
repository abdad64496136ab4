// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package profile

import (
	"github.com/tapio/tapio/internal/model"
)

// maxFlatFrames bounds the stacks of a flat profile, all together.
const maxFlatFrames = 4 << 20

// Flatten makes a profile of a tree: a stack for each node with a cost of its own.
func Flatten(t *model.CallTree) (*model.Profile, error) {
	p := &model.Profile{
		Resource: &model.Resource{}, Scope: &model.Scope{}, Type: t.Type, Time: t.First, Duration: t.Duration,
		Dictionary: &model.ProfileDictionary{Frames: t.Frames},
	}
	frames := 0
	for i := range t.Nodes {
		n := &t.Nodes[i]
		if n.Self == 0 {
			continue
		}
		var stack []uint32
		for at := uint32(i); at != 0; at = t.Nodes[at].Parent {
			stack = append(stack, t.Nodes[at].Frame)
		}
		if frames += len(stack); frames > maxFlatFrames {
			return nil, model.Exhausted("the stacks of the merged profile have more than %d frames: narrow the filter or the time range", maxFlatFrames)
		}
		p.Samples = append(p.Samples, model.ProfileSample{
			Stack: uint32(len(p.Dictionary.Stacks)), Set: model.NoSet, Values: []int64{n.Self},
		})
		p.Dictionary.Stacks = append(p.Dictionary.Stacks, stack)
	}
	return p, nil
}
