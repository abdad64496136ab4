// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package profiles

import "github.com/tapio/tapio/internal/model"

// tailSamples ends one answer of a tail, so that what it holds stays bounded.
const tailSamples = 1 << 17

// Tail reads profiles in the order of their arrival, each once and whole. It holds no
// lock between calls, and the store never waits for it. It is for one goroutine.
type Tail struct {
	store    *Store
	position uint64
}

// NewTail returns a tail that begins behind a sequence. One that is newer than the store
// is of an earlier store: the tail begins with the oldest profile then.
func NewTail(s *Store, after uint64) *Tail {
	s.mu.Lock()
	defer s.mu.Unlock()
	if after > s.seq {
		after = 0
	}
	return &Tail{store: s, position: after}
}

// Position returns the sequence of the last part of a profile that was read.
func (t *Tail) Position() uint64 { return t.position }

// Poll returns at most limit profiles without waiting, how many parts of profiles were
// evicted before they were read, and whether there are more.
func (t *Tail) Poll(limit int) (list []model.Profile, lost uint64, more bool) {
	views := t.store.views()
	if first := oldestSeq(views); first > t.position+1 && t.position > 0 {
		lost, t.position = first-1-t.position, first-1
	}
	var r rebuilder
	samples := 0
	for i := range views {
		v := &views[i]
		if v.count == 0 || v.lastSeq() <= t.position {
			continue
		}
		nameFrames(v, t.store.Resolve)
		for all := v.from(v.after(t.position)); all.more(); {
			e := all.next()
			if !r.continues(&e) && (len(r.list) == limit || samples >= tailSamples) {
				return r.list, lost, true
			}
			samples += r.add(v, &e)
			t.position = e.seq
		}
	}
	return r.list, lost, false
}

// oldestSeq is the first sequence that is held, 0 for none.
func oldestSeq(views []view) uint64 {
	for i := range views {
		if views[i].count > 0 {
			return views[i].begin
		}
	}
	return 0
}

// rebuilder makes profiles of entries. Each gets a dictionary of its own, so that
// profiles can be kept and sent apart.
type rebuilder struct {
	list    []model.Profile
	profile uint64 // sequence of the first part of the last profile of list
	row     row

	frames map[model.Frame]uint32
	// Of the volume at hand.
	volume *view
	stacks map[uint32]uint32
	sets   map[uint32]uint32
}

// continues reports whether the entry is a further part of the last profile.
func (r *rebuilder) continues(e *entry) bool { return len(r.list) > 0 && e.profile == r.profile }

// add appends an entry, and returns how many samples it has.
func (r *rebuilder) add(v *view, e *entry) (samples int) {
	if !r.continues(e) {
		of := v.origin(e.series)
		r.list = append(r.list, model.Profile{
			ID: e.id, Resource: of.resource, Scope: of.scope, Attributes: of.attributes, Type: v.kinds[v.series[e.series].kind],
			Time: e.time, Duration: e.duration, Dictionary: &model.ProfileDictionary{},
		})
		r.profile, r.frames, r.volume = e.profile, map[model.Frame]uint32{}, nil
	}
	if r.volume != v {
		r.volume, r.stacks, r.sets = v, map[uint32]uint32{}, map[uint32]uint32{}
	}
	p := &r.list[len(r.list)-1]
	r.row.begin(e)
	for data := v.rows[e.from:e.to]; len(data) > 0; {
		if data = r.row.decode(e, data); r.row.broken {
			break
		}
		p.Samples = append(p.Samples, r.sample(p.Dictionary))
		samples++
	}
	return samples
}

// sample is the row at hand.
func (r *rebuilder) sample(to *model.ProfileDictionary) model.ProfileSample {
	s := model.ProfileSample{Stack: r.stack(to, r.row.stack), Set: model.NoSet, Values: append([]int64(nil), r.row.values...)}
	if len(r.row.times) > 0 {
		s.Times = append([]model.Nanos(nil), r.row.times...)
	}
	if r.row.link != unknown {
		s.TraceID, s.SpanID = r.volume.links[r.row.link].trace, r.volume.links[r.row.link].span
	}
	if r.row.set != model.NoSet {
		at, found := r.sets[r.row.set]
		if !found {
			at = uint32(len(to.Sets))
			to.Sets, r.sets[r.row.set] = append(to.Sets, r.volume.attributes(r.volume.sets[r.row.set])), at
		}
		s.Set = at
	}
	return s
}

func (r *rebuilder) stack(to *model.ProfileDictionary, of uint32) uint32 {
	if at, found := r.stacks[of]; found {
		return at
	}
	var frames []uint32
	for n := r.volume.stacks.at(of); n != 0; n = r.volume.nodes.parents.at(n) {
		f := r.volume.frame(r.volume.nodes.frames.at(n))
		place, found := r.frames[f]
		if !found {
			place = uint32(len(to.Frames))
			to.Frames, r.frames[f] = append(to.Frames, f), place
		}
		frames = append(frames, place)
	}
	at := uint32(len(to.Stacks))
	to.Stacks, r.stacks[of] = append(to.Stacks, frames), at
	return at
}
