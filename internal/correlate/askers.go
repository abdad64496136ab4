// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import "github.com/tapio/tapio/internal/correlate/baseline"

// What a service does depends on its caller and on the operation that is called. A step that runs for
// only one of two callers occurs in a smaller share of all runs as soon as the other one calls more,
// although no code changed (Simpson's paradox). So the engine expects a step only in runs on behalf of
// callers for which it has been seen.

// maxAskers is how many callers of an operation are distinguished, one bit of an askerSet each; all
// others share one.
const maxAskers = 8

// askerSet is a set of indexes into an operation's list of callers.
type askerSet uint8

func (s askerSet) with(place int) askerSet { return s | 1<<place }

// within reports whether s is a subset of the other set.
func (s askerSet) within(other askerSet) bool { return s&^other == 0 }

// askerKey identifies on whose behalf an operation runs: the calling service, and the operation (door)
// by which the call enters the service.
type askerKey struct{ caller, door string }

type asker struct {
	key  askerKey
	runs *baseline.History // nil for an only caller: all runs of the operation are its own
}

// askerOf finds the caller of a run by following its parents to the span where the call enters the
// service.
func askerOf(runs []execution, i int) askerKey {
	service, door := runs[i].op.service, i
	for range runs { // bounded, because the parents of malformed spans may form a cycle
		parent := runs[door].parent
		if parent < 0 {
			break
		}
		if runs[parent].op.service != service {
			return askerKey{caller: runs[parent].op.key.service, door: runs[door].op.key.name}
		}
		door = parent
	}
	return askerKey{door: runs[door].op.key.name}
}

// askedBy counts a run for its caller, and returns the index of the caller.
func (g *graph) askedBy(o *operation, key askerKey, slot int64, s baseline.Sample) int {
	place := o.placeOf(key)
	if place == len(o.askers) && (len(o.askers) == 0 || g.roomForAsker()) {
		g.addAsker(o, key, slot)
	}
	place = min(place, len(o.askers)-1)
	if runs := o.askers[place].runs; runs != nil {
		runs.Observe(slot, s)
	}
	return place
}

// placeOf returns the index of a caller, or the one that it would get.
func (o *operation) placeOf(key askerKey) int {
	for i := range o.askers {
		if o.askers[i].key == key {
			return i
		}
	}
	return min(len(o.askers), maxAskers-1)
}

func (g *graph) roomForAsker() bool { return g.features+g.askers+2 <= g.maxFeatures }

// addAsker adds a caller to the list. When the second one is added, the runs observed before count for
// the first one.
func (g *graph) addAsker(o *operation, key askerKey, slot int64) {
	added := asker{key: key}
	if len(o.askers) > 0 {
		added.runs = &baseline.History{}
		g.askers++
	}
	if len(o.askers) == 1 {
		o.runs.Advance(slot)
		first := o.runs
		o.askers[0].runs = &first
		g.askers++
	}
	o.askers = append(o.askers, added)
}

// chances returns the runs in which a step may be expected that occurs on behalf of these callers: all
// runs if it occurs for each caller.
func (o *operation) chances(of askerSet) *baseline.History {
	if len(o.askers) < 2 || askerSet(1<<len(o.askers)-1).within(of) {
		return &o.runs
	}
	sum := baseline.History{Head: o.runs.Head}
	for i := range o.askers {
		if askerSet(0).with(i).within(of) {
			sum.AddAll(o.askers[i].runs)
		}
	}
	return &sum
}
