// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package profiles

import (
	"slices"
	"strings"
	"time"
	"unsafe"

	"github.com/tapio/tapio/internal/model"
)

// parts are what a volume holds. Each of them only grows, so that a copy of the slices
// stays valid and unchanged while more is appended.
type parts struct {
	frames  []model.Frame
	nodes   []node   // the tree of stacks; nodes[0] is its root
	stacks  []uint32 // the nodes that samples end at
	sets    []model.Attributes
	links   []link
	series  []series
	entries []entry
	rows    []byte // of all entries
}

// view is the parts of a volume at a moment.
type view = parts

// node is a stack: that of its parent, and one frame more towards the leaf.
type node struct{ parent, frame uint32 }

// link names the span that a sample belongs to.
type link struct {
	trace model.TraceID
	span  model.SpanID
}

// series is what profiles of one origin and type have in common.
type series struct {
	key        string // equal for equal series of all volumes
	resource   *model.Resource
	scope      *model.Scope
	attributes model.Attributes
	kind       model.ProfileType
}

// entry is one profile, or the part of it that is in this volume.
type entry struct {
	id          model.ProfileID
	seq         uint64
	profile     uint64 // sequence of the first part of the profile
	series      uint32
	time        model.Nanos
	duration    time.Duration
	first, last model.Nanos // of the samples; both the profile's time if they have none
	timed       bool        // some samples have a time of their own
	from, to    int         // in rows
	scale       int64       // all values are in multiples of it
	samples     uint64
	total       int64
}

// lookup finds what is in the dictionary already.
type lookup struct {
	strings map[string]string
	frames  map[model.Frame]uint32
	nodes   map[node]uint32
	stacks  map[uint32]uint32
	sets    map[string]uint32
	links   map[link]uint32
	series  map[string]uint32
}

// What one thing takes in bytes, with the room that growing leaves and its place in
// the lookup.
const (
	frameSize  = int64(unsafe.Sizeof(model.Frame{}))
	nodeSize   = int64(unsafe.Sizeof(node{}))
	stackSize  = 4
	linkSize   = int64(unsafe.Sizeof(link{}))
	seriesSize = int64(unsafe.Sizeof(series{}))
	entrySize  = int64(unsafe.Sizeof(entry{}))
	stringSize = 16
	// slotShare is by how much a map is larger than what is in it, in percent.
	slotShare = 200
	slotIndex = 5 // an index, and its share of the control bytes
	// volumeSize is for a volume with empty parts.
	volumeSize = 1 << 10
)

// volume is a part of the store with a dictionary of its own.
type volume struct {
	parts
	lookup        *lookup // nil once it is sealed
	begun, latest time.Time
	first, last   model.Nanos // of its samples
	samples       uint64
	text          int64 // bytes of strings and attributes
	filed         int   // entries that are in its file
}

func newVolume(now time.Time) *volume {
	return &volume{
		parts: parts{nodes: make([]node, 1)},
		lookup: &lookup{
			strings: map[string]string{}, frames: map[model.Frame]uint32{}, nodes: map[node]uint32{}, stacks: map[uint32]uint32{},
			sets: map[string]uint32{}, links: map[link]uint32{}, series: map[string]uint32{},
		},
		begun: now, latest: now,
	}
}

// size is the bytes that the volume takes.
func (v *volume) size() int64 {
	size := volumeSize + v.text + int64(cap(v.rows)) +
		frameSize*int64(cap(v.frames)) + nodeSize*int64(cap(v.nodes)) + linkSize*int64(cap(v.links)) + stackSize*int64(cap(v.stacks)) +
		seriesSize*int64(cap(v.series)) + entrySize*int64(cap(v.entries)) + 3*8*int64(cap(v.sets))
	if l := v.lookup; l != nil {
		slots := int64(len(l.frames))*(frameSize+slotIndex) + int64(len(l.nodes))*(nodeSize+slotIndex) +
			int64(len(l.links))*(linkSize+slotIndex) + int64(len(l.stacks))*(stackSize+slotIndex) + int64(len(l.strings))*(2*stringSize+1) +
			int64(len(l.sets)+len(l.series))*(stringSize+slotIndex)
		size += slots * slotShare / 100
	}
	return size
}

// seal ends the growth of a volume.
func (v *volume) seal() {
	v.lookup = nil
	v.frames, v.nodes, v.stacks, v.sets = exact(v.frames), exact(v.nodes), exact(v.stacks), exact(v.sets)
	v.links, v.series, v.entries, v.rows = exact(v.links), exact(v.series), exact(v.entries), exact(v.rows)
}

// exact gives back the room for growth.
func exact[T any](list []T) []T {
	if cap(list)-len(list) < len(list)/8 {
		return list
	}
	return append(make([]T, 0, len(list)), list...)
}

// string returns the text as the volume has it.
func (v *volume) string(text string) string {
	if text == "" {
		return ""
	}
	known, found := v.lookup.strings[text]
	if found {
		return known
	}
	text = strings.Clone(text) // it may be a part of a much larger text
	v.lookup.strings[text] = text
	v.text += int64(len(text))
	return text
}

func (v *volume) frame(f model.Frame) uint32 {
	if i, found := v.lookup.frames[f]; found {
		return i
	}
	f.Function, f.File, f.Kind = v.string(f.Function), v.string(f.File), v.string(f.Kind)
	f.Mapping, f.BuildID = v.string(f.Mapping), v.string(f.BuildID)
	return add(&v.frames, v.lookup.frames, f)
}

// child returns the node of a frame that the one of parent called.
func (v *volume) child(parent, frame uint32) uint32 {
	n := node{parent, frame}
	if i, found := v.lookup.nodes[n]; found {
		return i
	}
	return add(&v.nodes, v.lookup.nodes, n)
}

// stack returns the place of the stack that ends at a node.
func (v *volume) stack(leaf uint32) uint32 {
	if i, found := v.lookup.stacks[leaf]; found {
		return i
	}
	return add(&v.stacks, v.lookup.stacks, leaf)
}

func (v *volume) link(l link) uint32 {
	if i, found := v.lookup.links[l]; found {
		return i
	}
	return add(&v.links, v.lookup.links, l)
}

func add[T comparable](list *[]T, lookup map[T]uint32, item T) uint32 {
	i := uint32(len(*list))
	*list = append(*list, item)
	lookup[item] = i
	return i
}

func (v *volume) set(attributes model.Attributes) uint32 {
	key := string(appendAttributes(nil, attributes))
	if i, found := v.lookup.sets[key]; found {
		return i
	}
	i := uint32(len(v.sets))
	v.sets = append(v.sets, slices.Clone(attributes))
	v.lookup.sets[key] = i
	v.text += int64(attributes.Size() + len(key))
	return i
}

func (v *volume) seriesOf(p *model.Profile) uint32 {
	key := seriesKey(p)
	if i, found := v.lookup.series[key]; found {
		return i
	}
	i := uint32(len(v.series))
	v.series = append(v.series, series{key: key, resource: p.Resource, scope: p.Scope, attributes: p.Attributes, kind: p.Type})
	v.lookup.series[key] = i
	v.text += int64(p.Resource.Attributes.Size() + p.Scope.Attributes.Size() + p.Attributes.Size() + 2*len(key))
	return i
}

// seriesKey identifies a series. Parts are separated by bytes that no UTF-8 text has.
func seriesKey(p *model.Profile) string {
	key := appendAttributes(nil, p.Resource.Attributes)
	key = append(key, 0xfe)
	key = append(append(key, p.Scope.Name...), 0xfe)
	key = append(append(key, p.Scope.Version...), 0xfe)
	key = append(appendAttributes(key, p.Scope.Attributes), 0xfe)
	key = append(appendAttributes(key, p.Attributes), 0xfe)
	for _, text := range []string{p.Type.Name, p.Type.Unit, p.Type.PeriodName, p.Type.PeriodUnit} {
		key = append(append(key, text...), 0xff)
	}
	for shift := 0; shift < 64; shift += 8 {
		key = append(key, byte(p.Type.Period>>shift))
	}
	return string(key)
}

func appendAttributes(key []byte, attributes model.Attributes) []byte {
	for i := range attributes {
		a := &attributes[i]
		key = append(append(key, a.Key...), 0xff, byte(a.Kind()))
		key = append(append(key, a.Value.Text()...), 0xff)
	}
	return key
}
