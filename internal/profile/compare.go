// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package profile

import (
	"cmp"
	"math"
	"slices"

	"github.com/tapio/tapio/internal/model"
)

// Order is an order of functions.
type Order uint8

// The orders: by own cost, by cost with all that is called, and by the change of the own
// cost, each with the largest first.
const (
	BySelf Order = iota
	ByTotal
	ByChange
)

// Change is what a function costs, and by how much more than in a baseline.
type Change struct {
	Function
	SelfDelta, TotalDelta float64
}

// Scale is by what the values of a baseline are multiplied to compare with those of a
// tree: the ratio of their profiled times or, of profiles without a duration, of the
// numbers of their profiles.
func Scale(t, baseline *model.CallTree) float64 {
	switch {
	case baseline == nil:
		return 1
	case t.Duration > 0 && baseline.Duration > 0:
		return float64(t.Duration) / float64(baseline.Duration)
	case t.Profiles > 0 && baseline.Profiles > 0:
		return float64(t.Profiles) / float64(baseline.Profiles)
	default:
		return 1
	}
}

// Compare returns the cost of each function of either tree. The values of the baseline
// are multiplied by scale. Without a baseline nothing has changed.
func Compare(t, baseline *model.CallTree, scale float64) []Change {
	functions := Functions(t)
	list := make([]Change, len(functions))
	place := make(map[string]int, len(functions))
	for i, f := range functions {
		list[i] = Change{Function: f}
		if baseline != nil {
			list[i].SelfDelta, list[i].TotalDelta = float64(f.Self), float64(f.Total)
		}
		place[f.Name] = i
	}
	if baseline == nil {
		return list
	}
	for _, before := range Functions(baseline) {
		i, found := place[before.Name]
		if !found {
			i = len(list)
			list = append(list, Change{Function: Function{Name: before.Name, File: before.File, Mapping: before.Mapping}})
		}
		list[i].SelfDelta -= scale * float64(before.Self)
		list[i].TotalDelta -= scale * float64(before.Total)
	}
	return list
}

// Sort puts functions in order.
func Sort(list []Change, by Order) {
	slices.SortStableFunc(list, func(a, b Change) int {
		switch by {
		case ByTotal:
			return cmp.Or(cmp.Compare(b.Total, a.Total), cmp.Compare(b.Self, a.Self))
		case ByChange:
			return cmp.Compare(math.Abs(b.SelfDelta), math.Abs(a.SelfDelta))
		default:
			return cmp.Or(cmp.Compare(b.Self, a.Self), cmp.Compare(b.Total, a.Total))
		}
	})
}

// Deltas returns for each node by how much its total differs from that of the same place
// in the baseline, whose values are multiplied by scale.
func Deltas(nodes []Node, baseline *model.CallTree, scale float64) []float64 {
	type key struct {
		parent uint32
		name   string
	}
	known := map[key]uint32{}
	var merged *model.CallTree
	if len(baseline.Nodes) > 0 {
		var names []string
		merged, names = byFunction(baseline)
		for i := 1; i < len(merged.Nodes); i++ {
			n := &merged.Nodes[i]
			known[key{n.Parent, names[n.Frame]}] = uint32(i)
		}
	}
	const missing = math.MaxUint32
	place := make([]uint32, len(nodes))
	deltas := make([]float64, len(nodes))
	for i, node := range nodes {
		place[i] = missing
		if node.Parent < 0 && merged != nil {
			place[i] = 0
		} else if node.Parent >= 0 && place[node.Parent] != missing {
			if at, found := known[key{place[node.Parent], node.Name}]; found {
				place[i] = at
			}
		}
		deltas[i] = float64(node.Total)
		if place[i] != missing {
			deltas[i] -= scale * float64(merged.Nodes[place[i]].Total)
		}
	}
	return deltas
}
