// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package profiles

import (
	"encoding/binary"
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
}

// append stores one profile and returns how many of its samples were refused.
func (a *appender) append(p *model.Profile) (refused int) {
	if a.store.bytes <= 0 || p.Resource.Attributes.Size() > maxAttributeBytes || p.Scope.Attributes.Size() > maxAttributeBytes ||
		p.Attributes.Size() > maxAttributeBytes {
		return observations(p)
	}
	a.store.seq++
	e := a.begin(p)
	for i := range p.Samples {
		s := &p.Samples[i]
		if s.Set != model.NoSet && p.Dictionary.Sets[s.Set].Size() > maxAttributeBytes {
			refused += len(s.Values)
			continue
		}
		if a.volume.size() >= a.store.bytes/volumeShare && e.samples > 0 {
			a.end(&e)
			e = a.begin(p)
		}
		a.row(&e, p, s)
	}
	if e.samples > 0 || len(p.Samples) == 0 {
		a.end(&e)
	}
	return refused
}

func observations(p *model.Profile) (n int) {
	for i := range p.Samples {
		n += len(p.Samples[i].Values)
	}
	return n
}

// begin starts the part of a profile in the open volume.
func (a *appender) begin(p *model.Profile) entry {
	v := a.store.open(a.arrival)
	if v != a.volume || p.Dictionary != a.dictionary {
		a.volume, a.dictionary = v, p.Dictionary
		a.frames = untranslated(a.frames, len(p.Dictionary.Frames))
		a.stacks, a.sets = untranslated(a.stacks, len(p.Dictionary.Stacks)), untranslated(a.sets, len(p.Dictionary.Sets))
	}
	id := p.ID
	if id == (model.ProfileID{}) {
		binary.BigEndian.PutUint64(id[:8], a.store.epoch)
		binary.BigEndian.PutUint64(id[8:], a.store.seq)
	}
	return entry{
		id: id, seq: a.store.seq, series: v.seriesOf(p), time: p.Time, duration: p.Duration,
		from: len(v.rows), scale: scaleOf(p),
	}
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

// end makes the part of the profile visible.
func (a *appender) end(e *entry) {
	v := a.volume
	e.to = len(v.rows)
	if !e.timed {
		e.first, e.last = e.time, e.time
	}
	v.entries = append(v.entries, *e)
	v.samples += e.samples
	a.store.appended += e.samples
	v.latest = a.arrival
	if len(v.entries) == 1 || e.first < v.first {
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

// row appends the bytes of one sample.
func (a *appender) row(e *entry, p *model.Profile, s *model.ProfileSample) {
	v := a.volume
	head := uint64(a.stack(s.Stack)) << rowBits
	if s.Set != model.NoSet {
		head |= rowHasSet
	}
	l := link{s.TraceID, s.SpanID}
	if l != (link{}) {
		head |= rowHasLink
	}
	timed := len(s.Times) > 0
	if timed {
		head |= rowHasTimes
	}
	same := true
	for _, value := range s.Values {
		same = same && value == s.Values[0]
	}
	if same {
		head |= rowSameValues
	}
	rows := binary.AppendUvarint(v.rows, head)
	if s.Set != model.NoSet {
		rows = binary.AppendUvarint(rows, uint64(a.set(s.Set)))
	}
	if l != (link{}) {
		rows = binary.AppendUvarint(rows, uint64(v.link(l)))
	}
	rows = binary.AppendUvarint(rows, uint64(len(s.Values)))
	before := p.Time
	for _, at := range s.Times {
		rows = binary.AppendVarint(rows, int64(at-before))
		before = at
		e.observe(at)
	}
	for i, value := range s.Values {
		e.samples++
		e.total = plus(e.total, value)
		if i == 0 || !same {
			rows = binary.AppendVarint(rows, value/e.scale)
		}
	}
	v.rows = rows
	if !timed {
		e.observe(p.Time)
	}
	e.timed = e.timed || timed
}

// observe extends the times that the entry spans.
func (e *entry) observe(at model.Nanos) {
	if e.first == 0 || at < e.first {
		e.first = at
	}
	e.last = max(e.last, at)
}

// stack returns the node of a stack of the profile's dictionary.
func (a *appender) stack(i uint32) uint32 {
	if a.stacks[i] != unknown {
		return a.stacks[i]
	}
	v, stack := a.volume, a.dictionary.Stacks[i]
	at := uint32(0)
	if len(stack) > maxDepth {
		at = v.child(at, v.frame(model.Frame{Kind: model.FrameTruncated}))
		stack = stack[:maxDepth]
	}
	for j := len(stack) - 1; j >= 0; j-- {
		at = v.child(at, a.frame(stack[j]))
	}
	a.stacks[i] = at
	return at
}

func (a *appender) frame(i uint32) uint32 {
	if a.frames[i] == unknown {
		a.frames[i] = a.volume.frame(a.dictionary.Frames[i])
	}
	return a.frames[i]
}

func (a *appender) set(i uint32) uint32 {
	if a.sets[i] == unknown {
		a.sets[i] = a.volume.set(a.dictionary.Sets[i])
	}
	return a.sets[i]
}
