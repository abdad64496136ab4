// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package profiles

import (
	"strings"
	"time"
	"unsafe"

	"github.com/tapio/tapio/internal/model"
)

// parts are what a volume holds. Each of them only grows, so that a copy of the slices
// stays valid and unchanged while more is appended.
type parts struct {
	texts     []string
	frames    []packedFrame
	nodes     []node   // the tree of stacks; nodes[0] is its root
	stacks    []uint32 // the nodes that samples end at
	pairs     []model.KeyValue
	refs      []byte // places of pairs, of all attributeLists
	sets      []attributeList
	resources []packedResource
	links     []link
	kinds     []model.ProfileType
	series    []series
	begin     uint64 // sequence of the first entry
	entries   []packedEntry
	intervals []interval
	spans     []span
	rows      []byte // of all entries

	// named are the frames that were named when the volume was read, by place.
	named map[uint32]model.Frame
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
	key        seriesKey // equal for equal series of all volumes
	resource   uint32
	kind       uint32
	scope      *model.Scope
	attributes attributeList
}

// lookup finds what is in the dictionary already.
type lookup struct {
	texts     index[string]
	frames    index[packedFrame]
	nodes     index[node]
	stacks    index[uint32]
	pairs     index[string]
	sets      index[string]
	resources index[string]
	links     index[link]
	kinds     index[model.ProfileType]
	series    index[seriesKey]
}

func newLookup() *lookup {
	return &lookup{
		newIndex[string](), newIndex[packedFrame](), newIndex[node](), newIndex[uint32](), newIndex[string](), newIndex[string](), newIndex[string](),
		newIndex[link](), newIndex[model.ProfileType](), newIndex[seriesKey](),
	}
}

func (l *lookup) size() int64 {
	return l.texts.size() + l.frames.size() + l.nodes.size() + l.stacks.size() + l.pairs.size() + l.sets.size() + l.resources.size() + l.links.size() +
		l.kinds.size() + l.series.size()
}

// What one thing takes in bytes, with the room that growing leaves.
const (
	packedSize = int64(unsafe.Sizeof(packedFrame{}))
	frameSize  = int64(unsafe.Sizeof(model.Frame{}))
	nodeSize   = int64(unsafe.Sizeof(node{}))
	stackSize  = 4
	linkSize   = int64(unsafe.Sizeof(link{}))
	seriesSize = int64(unsafe.Sizeof(series{}))
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
	lookup        *lookup // nil once it is compacted
	begun, latest time.Time
	first, last   model.Nanos // of its samples
	samples       uint64
	textBytes     int64 // of strings and attributes
	filed         int   // entries that are in its file
}

func newVolume(now time.Time) *volume {
	return &volume{parts: parts{nodes: make([]node, 1)}, lookup: newLookup(), begun: now, latest: now}
}

// size is the bytes that the volume takes.
func (v *volume) size() int64 {
	size := volumeSize + v.textBytes + int64(cap(v.rows)) + int64(cap(v.refs)) + stringSize*int64(cap(v.texts)) +
		packedSize*int64(cap(v.frames)) + nodeSize*int64(cap(v.nodes)) + linkSize*int64(cap(v.links)) + stackSize*int64(cap(v.stacks)) +
		pairSize*int64(cap(v.pairs)) + listSize*int64(cap(v.sets)) + resourceSize*int64(cap(v.resources)) + kindSize*int64(cap(v.kinds)) +
		seriesSize*int64(cap(v.series)) + v.entriesSize()
	if v.lookup != nil {
		size += v.lookup.size()
	}
	return size
}

// entriesSize is the bytes that the entries take without their rows.
func (v *view) entriesSize() int64 {
	return entrySize*int64(cap(v.entries)) + intervalSize*int64(cap(v.intervals)) + spanSize*int64(cap(v.spans))
}

// compact ends the growth of a volume.
func (v *volume) compact() {
	v.lookup = nil
	v.texts, v.frames, v.nodes, v.stacks = exact(v.texts), exact(v.frames), exact(v.nodes), exact(v.stacks)
	v.pairs, v.refs, v.sets, v.resources = exact(v.pairs), exact(v.refs), exact(v.sets), exact(v.resources)
	v.intervals, v.spans = exact(v.intervals), exact(v.spans)
	v.links, v.kinds, v.series, v.entries, v.rows = exact(v.links), exact(v.kinds), exact(v.series), exact(v.entries), exact(v.rows)
}

// exact gives back the room for growth.
func exact[T any](list []T) []T {
	if cap(list)-len(list) < len(list)/8 {
		return list
	}
	return append(make([]T, 0, len(list)), list...)
}

// text returns the place of a text.
func (v *volume) text(text string) uint32 {
	at := func(i uint32) string { return v.texts[i] }
	if place, found := v.lookup.texts.find(text, at); found {
		return place
	}
	place := uint32(len(v.texts))
	text = strings.Clone(text) // it may be a part of a much larger text
	v.texts = append(v.texts, text)
	v.textBytes += int64(len(text))
	v.lookup.texts.add(text, place, at)
	return place
}

// packedFrame is a frame whose texts are places in texts.
type packedFrame struct {
	function, file, mapping, buildID, kind uint32
	line                                   int64
	address                                uint64
}

func (v *volume) pack(f *model.Frame) packedFrame {
	return packedFrame{
		v.text(f.Function), v.text(f.File), v.text(f.Mapping), v.text(f.BuildID), v.text(f.Kind), f.Line, f.Address,
	}
}

func (v *volume) frame(f *model.Frame) uint32 { return intern(&v.lookup.frames, &v.frames, v.pack(f)) }

// frame returns a frame as it came, or as it was named later.
func (v *view) frame(place uint32) model.Frame {
	if named, found := v.named[place]; found {
		return named
	}
	f := &v.frames[place]
	return model.Frame{
		Function: v.texts[f.function], File: v.texts[f.file], Mapping: v.texts[f.mapping], BuildID: v.texts[f.buildID], Kind: v.texts[f.kind],
		Line: f.line, Address: f.address,
	}
}

// child returns the node of a frame that the one of parent called.
func (v *volume) child(parent, frame uint32) uint32 {
	return intern(&v.lookup.nodes, &v.nodes, node{parent, frame})
}

// stack returns the place of the stack that ends at a node.
func (v *volume) stack(leaf uint32) uint32 { return intern(&v.lookup.stacks, &v.stacks, leaf) }

func (v *volume) link(l link) uint32 { return intern(&v.lookup.links, &v.links, l) }

// add appends an item to a list, and its place to a lookup.
func add[T comparable](list *[]T, lookup map[T]uint32, item T) uint32 {
	i := uint32(len(*list))
	*list = append(*list, item)
	lookup[item] = i
	return i
}
