// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package profiles

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/tapio/tapio/internal/model"
)

// volumeFormat is the version of what encode writes; decodeVolume reads no other.
const volumeFormat = 1

var errContradiction = errors.New("contradicts itself: it was not written by a store of profiles")

// decoder reads what an encoder wrote. Foreign bytes make it bad.
type decoder struct {
	model.Unpacker
	strings      []string
	resources    []*model.Resource
	scopes       []*model.Scope
	dictionaries []*model.ProfileDictionary
	bad          bool
}

func newDecoder(data string) *decoder { return &decoder{Unpacker: model.Unpack(data)} }

func (d *decoder) broken() bool { return d.bad || d.Broken() }

// below reads a number that is less than the limit.
func (d *decoder) below(limit int) uint32 {
	n := d.Uint()
	if n >= uint64(limit) {
		d.bad = true
		return 0
	}
	return uint32(n)
}

// placed reads something by its place, or the first time itself.
func placed[T any](d *decoder, known *[]T, read func() T) uint32 {
	at := d.below(len(*known) + 1)
	if int(at) == len(*known) && !d.broken() {
		*known = append(*known, read())
	}
	if int(at) >= len(*known) {
		d.bad = true
		*known = append(*known, *new(T))
		return 0
	}
	return at
}

// string reads a text, as a copy that does not keep all that was read.
func (d *decoder) string() string {
	at := placed(d, &d.strings, func() string { return strings.Clone(d.Text()) })
	return d.strings[at]
}

// blob reads something behind its length, from a copy as well.
func blob[T any](d *decoder, read func(*model.Unpacker) T) T {
	of := model.Unpack(strings.Clone(d.Text()))
	it := read(&of)
	d.bad = d.bad || of.Broken() || !of.Done()
	return it
}

func (d *decoder) set() model.Attributes { return blob(d, (*model.Unpacker).Attributes) }

func (d *decoder) frame() (f model.Frame) {
	f.Function, f.File, f.Mapping, f.BuildID, f.Kind = d.string(), d.string(), d.string(), d.string(), d.string()
	f.Line, f.Address = d.Int(), d.Uint()
	return f
}

func (d *decoder) kind() (t model.ProfileType) {
	t.Name, t.Unit, t.PeriodName, t.PeriodUnit = d.string(), d.string(), d.string(), d.string()
	t.Period = d.Int()
	return t
}

func (d *decoder) origin() (*model.Resource, *model.Scope, model.Attributes) {
	resource := placed(d, &d.resources, func() *model.Resource { return blob(d, (*model.Unpacker).Resource) })
	scope := placed(d, &d.scopes, func() *model.Scope { return blob(d, (*model.Unpacker).Scope) })
	attributes := d.set()
	if d.broken() {
		return &model.Resource{}, &model.Scope{}, nil
	}
	return d.resources[resource], d.scopes[scope], attributes
}

// DecodeBatch reads a batch of count parts.
func DecodeBatch(data string, count uint32) (b Batch, err error) {
	d := newDecoder(data)
	for range count {
		p := d.part()
		if d.broken() || p.back > uint64(len(b.parts)) {
			return Batch{}, errContradiction
		}
		b.parts = append(b.parts, p)
	}
	if !d.Done() {
		return Batch{}, errContradiction
	}
	return b, nil
}

// From drops the parts before the n-th.
func (b *Batch) From(n uint64) { b.parts = b.parts[n:] }

func (d *decoder) part() (p part) {
	copy(p.ID[:], d.Take(uint64(len(p.ID))))
	p.back = d.Uint()
	p.Resource, p.Scope, p.Attributes = d.origin()
	p.Type = d.kind()
	p.Time, p.Duration = model.Nanos(d.Int()), time.Duration(d.Int())
	at := placed(d, &d.dictionaries, func() *model.ProfileDictionary { return &model.ProfileDictionary{} })
	p.Dictionary = d.dictionaries[at]
	d.each(func(int) { p.Samples = append(p.Samples, d.sample(&p)) })
	return p
}

func (d *decoder) sample(p *part) (s model.ProfileSample) {
	of := p.Dictionary
	if of == nil {
		d.bad = true
		return s
	}
	s.Stack = placed(d, &of.Stacks, func() []uint32 {
		var stack []uint32
		d.each(func(int) { stack = append(stack, placed(d, &of.Frames, d.frame)) })
		return stack
	})
	s.Set = model.NoSet
	if d.below(2) == 1 {
		s.Set = placed(d, &of.Sets, d.set)
	}
	if d.below(2) == 1 {
		l := d.link()
		s.TraceID, s.SpanID = l.trace, l.span
	}
	d.each(func(int) { s.Values = append(s.Values, d.Int()) })
	at := p.Time
	d.each(func(int) {
		at += model.Nanos(d.Int())
		s.Times = append(s.Times, at)
	})
	if len(s.Values) > maxValues || len(s.Times) > 0 && len(s.Times) != len(s.Values) {
		d.bad = true
	}
	return s
}

func (d *decoder) link() (l link) {
	copy(l.trace[:], d.Take(uint64(len(l.trace))))
	copy(l.span[:], d.Take(uint64(len(l.span))))
	return l
}

// decodeVolume reads a volume and checks all that readers rely on.
func decodeVolume(image *Image) (*volume, error) {
	d := newDecoder(string(image.Dictionary))
	if version := d.Uint(); version != volumeFormat {
		return nil, fmt.Errorf("has profiles in format version %d, this server reads %d", version, volumeFormat)
	}
	v := &volume{parts: parts{rows: image.Rows}, lookup: newLookup(), begun: image.Begun, latest: image.Latest}
	d.dictionary(v)
	d.origins(v)
	place := 0
	for i := range image.Count {
		e := d.entry(v, image.First+uint64(i), place)
		if d.broken() || e.to > len(v.rows) || !v.check(&e) {
			return nil, errContradiction
		}
		place = e.to
		v.add(&e, image.Latest)
	}
	if d.broken() || !d.Done() || place != len(v.rows) || v.count == 0 {
		return nil, errContradiction
	}
	v.filed = image.Count
	v.compact()
	return v, nil
}

// each calls read as often as the count before it, until the bytes turn out to be foreign.
func (d *decoder) each(read func(i int)) {
	for i := range d.Count() {
		if d.broken() {
			return
		}
		read(i)
	}
}

// dictionary reads frames, nodes, stacks and sets.
func (d *decoder) dictionary(v *volume) {
	d.each(func(int) {
		f := d.frame()
		v.frames.append(v.pack(&f))
	})
	v.nodes = newNodes()
	d.each(func(i int) {
		back := d.below(i + 1)
		v.nodes.append(node{uint32(i) - back, d.below(v.frames.len())})
	})
	d.each(func(int) { v.stacks.append(d.below(v.nodes.len())) })
	d.each(func(int) {
		v.sets = appended(v.sets, v.list(d.set()))
	})
}

// origins reads links and series.
func (d *decoder) origins(v *volume) {
	d.each(func(int) { v.links = append(v.links, d.link()) })
	d.each(func(int) {
		p := &model.Profile{}
		p.Resource, p.Scope, p.Attributes = d.origin()
		p.Type = d.kind()
		v.appendSeries(keyOf(p), p)
	})
}

func (d *decoder) entry(v *volume, seq uint64, from int) (e entry) {
	copy(e.id[:], d.Take(uint64(len(e.id))))
	back := d.Uint()
	e.seq, e.profile = seq, seq-back
	e.series = d.below(len(v.series))
	e.time, e.duration, e.scale = model.Nanos(d.Int()), time.Duration(d.Int()), d.Int()
	length := d.Uint()
	if back >= seq || d.bad || e.scale != 1 && e.scale != v.kinds[v.series[e.series].kind].Period || length > uint64(len(v.rows)-from) {
		d.bad = true
		return e
	}
	e.from, e.to = from, from+int(length)
	return e
}

// check reads the rows of an entry and counts them.
func (v *volume) check(e *entry) bool {
	if len(v.series) == 0 {
		return false
	}
	var r row
	r.begin(e)
	for data := v.rows[e.from:e.to]; len(data) > 0; {
		data = r.decode(e, data)
		if r.broken || int(r.stack) >= v.stacks.len() || r.set != model.NoSet && int(r.set) >= len(v.sets) ||
			r.link != unknown && int(r.link) >= len(v.links) {
			return false
		}
		e.observe(&r)
	}
	return true
}
