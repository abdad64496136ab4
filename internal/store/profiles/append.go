// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package profiles

import (
	"time"

	"github.com/tapio/tapio/internal/model"
)

// The bounds of what is kept of one profile.
const (
	// maxAttributeBytes is for the attributes of a resource, scope, profile or sample.
	maxAttributeBytes = 64 << 10
	// maxDepth is the most frames of a stack; what is above is one truncated frame.
	maxDepth = 1024
)

// unknown marks an index that is not translated yet.
const unknown = ^uint32(0)

// Append stores profiles and returns how many samples were refused. It keeps what the
// profiles refer to; the slice is the caller's again.
func (s *Store) Append(profiles []model.Profile) (refused int) {
	batches, refused := s.Prepare(profiles)
	for i := range batches {
		s.AppendBatch(0, &batches[i], s.now())
	}
	return refused
}

// AppendBatch stores a batch with the sequences from first on; 0: those behind the newest.
func (s *Store) AppendBatch(first uint64, b *Batch, arrival time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if first != 0 && first != s.seq+1 {
		s.closeOpen() // the sequences of a volume follow each other
		s.seq = first - 1
	}
	a := appender{store: s, arrival: arrival}
	for i := range b.parts {
		s.seq++
		a.append(&b.parts[i])
	}
	s.evict()
}

// appender puts the profiles of one batch into the store.
type appender struct {
	store   *Store
	arrival time.Time

	// What the dictionary of the profiles is in that of the volume.
	volume     *volume
	dictionary *model.ProfileDictionary
	frames     []uint32
	stacks     []uint32
	sets       []uint32
	row        row
}

// append stores one part of a profile.
func (a *appender) append(p *part) {
	v := a.store.open(a.arrival)
	if v != a.volume || p.Dictionary != a.dictionary {
		a.volume, a.dictionary = v, p.Dictionary
		a.frames = untranslated(a.frames, len(p.Dictionary.Frames))
		a.stacks, a.sets = untranslated(a.stacks, len(p.Dictionary.Stacks)), untranslated(a.sets, len(p.Dictionary.Sets))
	}
	e := entry{
		id: p.ID, seq: a.store.seq, profile: a.store.seq - p.back, series: v.seriesOf(&p.Profile), time: p.Time, duration: p.Duration,
		from: len(v.rows), scale: scaleOf(&p.Profile),
	}
	a.row.begin(&e)
	for i := range p.Samples {
		a.set(&p.Samples[i])
		v.rows = a.row.encode(&e, room(v.rows, a.row.size()))
		e.observe(&a.row)
	}
	e.to = len(v.rows)
	v.add(&e, a.arrival)
	a.store.appended += e.samples
}

func untranslated(list []uint32, n int) []uint32 {
	if cap(list) < n {
		list = make([]uint32, n)
	}
	list = list[:n]
	for i := range list {
		list[i] = unknown
	}
	return list
}

// add makes an entry visible whose rows are there.
func (v *volume) add(e *entry, arrival time.Time) {
	if e.first == 0 {
		e.first, e.last = e.time, e.time
	}
	v.pushEntry(e)
	v.samples += e.samples
	v.latest = arrival
	if v.count == 1 || e.first < v.first {
		v.first = e.first
	}
	v.last = max(v.last, e.last)
}

// scaleOf is the period of a profile if all values are multiples of it, which most are.
func scaleOf(p *model.Profile) int64 {
	scale := p.Type.Period
	if scale <= 1 {
		return 1
	}
	for i := range p.Samples {
		for _, value := range p.Samples[i].Values {
			if value%scale != 0 {
				return 1
			}
		}
	}
	return scale
}

// set sets the row to a sample.
func (a *appender) set(s *model.ProfileSample) {
	r := &a.row
	r.stack, r.set, r.link = a.stack(s.Stack), model.NoSet, unknown
	if s.Set != model.NoSet {
		if a.sets[s.Set] == unknown {
			a.sets[s.Set] = a.volume.set(a.dictionary.Sets[s.Set])
		}
		r.set = a.sets[s.Set]
	}
	if l := (link{s.TraceID, s.SpanID}); l != (link{}) {
		r.link = a.volume.link(l)
	}
	r.times, r.values = append(r.times[:0], s.Times...), append(r.values[:0], s.Values...)
}

// observe counts a row.
func (e *entry) observe(r *row) {
	e.samples += uint64(len(r.values))
	for _, value := range r.values {
		e.total = plus(e.total, value)
	}
	e.timed = e.timed || len(r.times) > 0
	if len(r.times) == 0 {
		e.spans(e.time)
	}
	for _, at := range r.times {
		e.spans(at)
	}
}

// spans extends the times that the entry spans.
func (e *entry) spans(at model.Nanos) {
	if e.first == 0 || at < e.first {
		e.first = at
	}
	e.last = max(e.last, at)
}

// stack returns the place in the volume of a stack of the profile's dictionary.
func (a *appender) stack(i uint32) uint32 {
	if a.stacks[i] != unknown {
		return a.stacks[i]
	}
	v, stack := a.volume, a.dictionary.Stacks[i]
	at := uint32(0)
	if len(stack) > maxDepth {
		at = v.child(at, v.frame(&model.Frame{Kind: model.FrameTruncated}))
		stack = stack[:maxDepth]
	}
	for j := len(stack) - 1; j >= 0; j-- {
		at = v.child(at, a.frame(stack[j]))
	}
	a.stacks[i] = v.stack(at)
	return a.stacks[i]
}

func (a *appender) frame(i uint32) uint32 {
	if a.frames[i] == unknown {
		a.frames[i] = a.volume.frame(&a.dictionary.Frames[i])
	}
	return a.frames[i]
}
