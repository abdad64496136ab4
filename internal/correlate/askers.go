// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

// What a service does depends on who asks and by which door: a step that is taken
// for one of two callers is taken in fewer of all runs as soon as the other calls
// more, though no code changed (Simpson's paradox). So a step is missed only in
// runs for those whom it was ever taken for.

// maxAskers is how many an operation tells apart, one bit each of a set; those
// beyond are taken together.
const maxAskers = 8

// askerSet are places in an operation's list of askers.
type askerSet uint8

func (s askerSet) with(place int) askerSet { return s | 1<<place }

// within reports whether the other set has all of them.
func (s askerSet) within(other askerSet) bool { return s&^other == 0 }

// askerKey names on whose behalf an operation runs: the service that calls the one
// it is part of, and the operation by which the call comes in.
type askerKey struct{ caller, door string }

type asker struct {
	key  askerKey
	runs *history // nil while it is the only one: then they are all runs
}

// askerOf finds the way by which a run was asked for.
func askerOf(runs []execution, i int) askerKey {
	service, door := runs[i].op.service, i
	for range runs { // spans that are each other's parents end somewhere too
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

// askedBy counts a run for the one who asked for it, and returns their place.
func (g *graph) askedBy(o *operation, key askerKey, slot int64, s sample) int {
	place := o.placeOf(key)
	if place == len(o.askers) && (len(o.askers) == 0 || g.roomForAsker()) {
		g.addAsker(o, key, slot)
	}
	place = min(place, len(o.askers)-1)
	if runs := o.askers[place].runs; runs != nil {
		runs.observe(slot, s)
	}
	return place
}

// placeOf is where an asker stands or, if it is new, would stand.
func (o *operation) placeOf(key askerKey) int {
	for i := range o.askers {
		if o.askers[i].key == key {
			return i
		}
	}
	return min(len(o.askers), maxAskers-1)
}

func (g *graph) roomForAsker() bool { return g.features+g.askers+2 <= g.maxFeatures }

// addAsker adds one to the list. With the second one, what was observed until then
// was the first one's.
func (g *graph) addAsker(o *operation, key askerKey, slot int64) {
	added := asker{key: key}
	if len(o.askers) > 0 {
		added.runs = &history{}
		g.askers++
	}
	if len(o.askers) == 1 {
		o.runs.advance(slot)
		first := o.runs
		o.askers[0].runs = &first
		g.askers++
	}
	o.askers = append(o.askers, added)
}

// chances are the runs in which something may be expected that is done for some of
// those who ask: all of them if it is done for each.
func (o *operation) chances(of askerSet) *history {
	if len(o.askers) < 2 || askerSet(1<<len(o.askers)-1).within(of) {
		return &o.runs
	}
	sum := history{head: o.runs.head}
	for i := range o.askers {
		if askerSet(0).with(i).within(of) {
			sum.addAll(o.askers[i].runs)
		}
	}
	return &sum
}
