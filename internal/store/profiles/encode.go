// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package profiles

import (
	"encoding/binary"

	"github.com/tapio/tapio/internal/model"
)

// encoder writes parts of profiles one after the other. What one shares with those before
// is written once, and then named by its place.
type encoder struct {
	bytes        []byte
	scratch      []byte
	strings      map[string]int
	resources    map[*model.Resource]int
	scopes       map[*model.Scope]int
	dictionaries map[*model.ProfileDictionary]*encoded
}

// encoded is what of a dictionary was written, by its place.
type encoded struct {
	place  int
	frames map[uint32]int
	stacks map[uint32]int
	sets   map[uint32]int
}

// Encode appends the batch to dst, for DecodeBatch.
func (b *Batch) Encode(dst []byte) []byte {
	e := newEncoder(dst)
	e.dictionaries = map[*model.ProfileDictionary]*encoded{}
	for i := range b.parts {
		e.part(&b.parts[i])
	}
	return e.bytes
}

func newEncoder(dst []byte) *encoder {
	return &encoder{
		bytes: dst, strings: map[string]int{}, resources: map[*model.Resource]int{}, scopes: map[*model.Scope]int{},
	}
}

func (e *encoder) uint(n uint64) { e.bytes = binary.AppendUvarint(e.bytes, n) }

func (e *encoder) int(n int64) { e.bytes = model.AppendInt(e.bytes, n) }

// once writes the place of something that was written before, or the next place and then
// itself.
func once[K comparable](e *encoder, known map[K]int, key K, write func()) {
	place, found := known[key]
	if !found {
		place = len(known)
		known[key] = place
	}
	e.uint(uint64(place))
	if !found {
		write()
	}
}

func (e *encoder) string(text string) {
	once(e, e.strings, text, func() { e.bytes = model.AppendText(e.bytes, text) })
}

func (e *encoder) frame(f *model.Frame) {
	for _, text := range []string{f.Function, f.File, f.Mapping, f.BuildID, f.Kind} {
		e.string(text)
	}
	e.int(f.Line)
	e.uint(f.Address)
}

func (e *encoder) kind(t *model.ProfileType) {
	for _, text := range []string{t.Name, t.Unit, t.PeriodName, t.PeriodUnit} {
		e.string(text)
	}
	e.int(t.Period)
}

// set writes attributes behind their length.
func (e *encoder) set(attributes model.Attributes) {
	e.scratch = model.AppendAttributes(e.scratch[:0], attributes)
	e.blob()
}

// blob writes the scratch behind its length.
func (e *encoder) blob() {
	e.uint(uint64(len(e.scratch)))
	e.bytes = append(e.bytes, e.scratch...)
}

// origin writes a resource, a scope and attributes.
func (e *encoder) origin(resource *model.Resource, scope *model.Scope, attributes model.Attributes) {
	once(e, e.resources, resource, func() {
		e.scratch = model.AppendResource(e.scratch[:0], resource)
		e.blob()
	})
	once(e, e.scopes, scope, func() {
		e.scratch = model.AppendScope(e.scratch[:0], scope)
		e.blob()
	})
	e.set(attributes)
}

func (e *encoder) part(p *part) {
	e.bytes = append(e.bytes, p.ID[:]...)
	e.uint(p.back)
	e.origin(p.Resource, p.Scope, p.Attributes)
	e.kind(&p.Type)
	e.int(int64(p.Time))
	e.int(int64(p.Duration))
	d := e.dictionaries[p.Dictionary]
	if d == nil {
		d = &encoded{len(e.dictionaries), map[uint32]int{}, map[uint32]int{}, map[uint32]int{}}
		e.dictionaries[p.Dictionary] = d
	}
	e.uint(uint64(d.place))
	e.uint(uint64(len(p.Samples)))
	for i := range p.Samples {
		e.sample(p, d, &p.Samples[i])
	}
}

func (e *encoder) sample(p *part, d *encoded, s *model.ProfileSample) {
	once(e, d.stacks, s.Stack, func() {
		stack := p.Dictionary.Stacks[s.Stack]
		e.uint(uint64(len(stack)))
		for _, frame := range stack {
			once(e, d.frames, frame, func() { e.frame(&p.Dictionary.Frames[frame]) })
		}
	})
	if s.Set == model.NoSet {
		e.uint(0)
	} else {
		e.uint(1)
		once(e, d.sets, s.Set, func() { e.set(p.Dictionary.Sets[s.Set]) })
	}
	e.link(link{s.TraceID, s.SpanID})
	e.uint(uint64(len(s.Values)))
	for _, value := range s.Values {
		e.int(value)
	}
	e.uint(uint64(len(s.Times)))
	before := p.Time
	for _, at := range s.Times {
		e.int(int64(at - before))
		before = at
	}
}

// link writes 0 or 1 and the link.
func (e *encoder) link(l link) {
	if l == (link{}) {
		e.uint(0)
		return
	}
	e.uint(1)
	e.bytes = append(append(e.bytes, l.trace[:]...), l.span[:]...)
}

// encode returns the volume without its rows, for decodeVolume.
func (v *view) encode() []byte {
	e := newEncoder(nil)
	e.uint(volumeFormat)
	e.uint(uint64(v.frames.len()))
	for i := range uint32(v.frames.len()) {
		f := v.frame(i)
		e.frame(&f)
	}
	e.uint(uint64(v.nodes.len() - 1))
	for i := range uint32(v.nodes.len() - 1) {
		n := v.nodes.at(i + 1)
		e.uint(uint64(i) - uint64(n.parent)) // which is at most i
		e.uint(uint64(n.frame))
	}
	e.uint(uint64(v.stacks.len()))
	for i := range uint32(v.stacks.len()) {
		e.uint(uint64(v.stacks.at(i)))
	}
	e.uint(uint64(len(v.sets)))
	for _, set := range v.sets {
		e.set(v.attributes(set))
	}
	e.uint(uint64(len(v.links)))
	for _, l := range v.links {
		e.bytes = append(append(e.bytes, l.trace[:]...), l.span[:]...)
	}
	e.uint(uint64(len(v.series)))
	resources := make([]*model.Resource, len(v.resources)) // each is written once
	for i := range v.series {
		s := &v.series[i]
		if resources[s.resource] == nil {
			resources[s.resource] = v.resource(s.resource)
		}
		e.origin(resources[s.resource], s.scope, v.attributes(s.attributes))
		e.kind(&v.kinds[s.kind])
	}
	for all := v.from(0); all.more(); {
		of := all.next()
		e.entry(&of)
	}
	return e.bytes
}

func (e *encoder) entry(of *entry) {
	e.bytes = append(e.bytes, of.id[:]...)
	e.uint(of.seq - of.profile)
	e.uint(uint64(of.series))
	e.int(int64(of.time))
	e.int(int64(of.duration))
	e.int(of.scale)
	e.uint(uint64(of.to - of.from))
}
