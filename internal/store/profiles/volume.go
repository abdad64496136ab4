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
	modules   []module
	frames    []packedFrame
	odd       []oddFrame
	nodes     []node   // the tree of stacks; nodes[0] is its root
	stacks    []uint32 // the nodes that samples end at
	pairs     []packedPair
	others    []model.Value // of pairs, neither texts nor integers
	refs      []byte        // places of pairs, of all attributeLists
	sets      []attributeList
	resources []packedResource
	links     []link
	kinds     []model.ProfileType
	series    []series
	begin     uint64 // sequence of the first entry
	count     int    // of entries
	heads     []byte // the entries without their rows
	marks     []mark // where some of them begin
	intervals []interval
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
	modules   index[module]
	frames    index[packedFrame]
	odd       index[oddFrame]
	nodes     index[node]
	stacks    index[uint32]
	pairs     index[packedPair]
	others    index[string]
	sets      index[string]
	resources index[string]
	links     index[link]
	kinds     index[model.ProfileType]
	series    index[seriesKey]
}

func newLookup() *lookup {
	return &lookup{
		newIndex[string](), newIndex[module](), newIndex[packedFrame](), newIndex[oddFrame](), newIndex[node](), newIndex[uint32](),
		newIndex[packedPair](), newIndex[string](), newIndex[string](), newIndex[string](), newIndex[link](), newIndex[model.ProfileType](),
		newIndex[seriesKey](),
	}
}

func (l *lookup) size() int64 {
	return l.texts.size() + l.modules.size() + l.frames.size() + l.odd.size() + l.nodes.size() + l.stacks.size() + l.pairs.size() + l.others.size() +
		l.sets.size() + l.resources.size() + l.links.size() + l.kinds.size() + l.series.size()
}

// What one thing takes in bytes, with the room that growing leaves.
const (
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
	lastID        model.ProfileID
}

func newVolume(now time.Time) *volume {
	return &volume{parts: parts{nodes: make([]node, 1)}, lookup: newLookup(), begun: now, latest: now}
}

// size is the bytes that the volume takes.
func (v *volume) size() int64 {
	size := volumeSize + v.textsSize() + v.framesSize() + v.stacksSize() + v.originsSize() + v.entriesSize() + linkSize*int64(cap(v.links)) +
		int64(cap(v.rows))
	if v.lookup != nil {
		size += v.lookup.size()
	}
	return size
}

func (v *volume) textsSize() int64 { return v.textBytes + stringSize*int64(cap(v.texts)) }

func (v *view) framesSize() int64 {
	return packedSize*int64(cap(v.frames)) + moduleSize*int64(cap(v.modules)) + oddSize*int64(cap(v.odd))
}

func (v *view) stacksSize() int64 {
	return nodeSize*int64(cap(v.nodes)) + stackSize*int64(cap(v.stacks))
}

// originsSize is the bytes of what profiles and samples come from.
func (v *view) originsSize() int64 {
	return pairSize*int64(cap(v.pairs)) + valueSize*int64(cap(v.others)) + int64(cap(v.refs)) + listSize*int64(cap(v.sets)) +
		resourceSize*int64(cap(v.resources)) + kindSize*int64(cap(v.kinds)) + seriesSize*int64(cap(v.series))
}

// entriesSize is the bytes that the entries take without their rows.
func (v *view) entriesSize() int64 {
	return int64(cap(v.heads)) + markSize*int64(cap(v.marks)) + intervalSize*int64(cap(v.intervals))
}

// compact ends the growth of a volume.
func (v *volume) compact() {
	v.lookup = nil
	v.texts, v.modules, v.frames, v.odd = exact(v.texts), exact(v.modules), exact(v.frames), exact(v.odd)
	v.nodes, v.stacks, v.links = exact(v.nodes), exact(v.stacks), exact(v.links)
	v.pairs, v.others, v.refs, v.sets = exact(v.pairs), exact(v.others), exact(v.refs), exact(v.sets)
	v.resources, v.kinds, v.series = exact(v.resources), exact(v.kinds), exact(v.series)
	v.heads, v.marks, v.intervals, v.rows = exact(v.heads), exact(v.marks), exact(v.intervals), exact(v.rows)
}

// exact gives back the room for growth.
func exact[T any](list []T) []T {
	if cap(list)-len(list) < len(list)/16 {
		return list
	}
	return append(make([]T, 0, len(list)), list...)
}

// room returns the list with room for n more. It grows by an eighth, where append doubles it.
func room[T any](list []T, n int) []T {
	if cap(list)-len(list) >= n {
		return list
	}
	return append(make([]T, 0, len(list)+max(n, 8, len(list)/8)), list...)
}

// appended is append, with the growth of room.
func appended[T any](list []T, item T) []T { return append(room(list, 1), item) }

// text returns the place of a text.
func (v *volume) text(text string) uint32 {
	at := func(i uint32) string { return v.texts[i] }
	if place, found := v.lookup.texts.find(text, at); found {
		return place
	}
	place := uint32(len(v.texts))
	text = strings.Clone(text) // it may be a part of a much larger text
	v.texts = appended(v.texts, text)
	v.textBytes += int64(len(text))
	v.lookup.texts.add(text, place, at)
	return place
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
