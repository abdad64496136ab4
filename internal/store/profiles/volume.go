// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package profiles

import (
	"time"
	"unsafe"

	"github.com/tapio/tapio/internal/model"
)

// parts are what a volume holds. Each of them only grows, so that a copy of the slices
// stays valid and unchanged while more is appended.
type parts struct {
	texts     texts
	keys      []string // of attributes
	modules   []module
	frames    frames
	addresses []uint64 // of frames without a name
	odd       []oddFrame
	nodes     nodes
	stacks    column // the nodes that samples end at
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
	heads     index[string]
	keys      index[string]
	modules   index[module]
	frames    index[packedFrame]
	addresses index[uint64]
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
		newIndex[string](), newIndex[string](), newIndex[string](), newIndex[module](), newIndex[packedFrame](), newIndex[uint64](), newIndex[oddFrame](), newIndex[node](),
		newIndex[uint32](), newIndex[packedPair](), newIndex[string](), newIndex[string](), newIndex[string](), newIndex[link](), newIndex[model.ProfileType](),
		newIndex[seriesKey](),
	}
}

func (l *lookup) size() int64 {
	return l.texts.size() + l.heads.size() + l.keys.size() + l.modules.size() + l.frames.size() + l.addresses.size() + l.odd.size() + l.nodes.size() + l.stacks.size() + l.pairs.size() + l.others.size() +
		l.sets.size() + l.resources.size() + l.links.size() + l.kinds.size() + l.series.size()
}

// What one thing takes in bytes, with the room that growing leaves.
const (
	frameSize  = int64(unsafe.Sizeof(model.Frame{}))
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
	return &volume{parts: parts{nodes: newNodes()}, lookup: newLookup(), begun: now, latest: now}
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

func (v *volume) textsSize() int64 {
	return v.textBytes + v.texts.size() + stringSize*int64(cap(v.keys))
}

func (v *view) framesSize() int64 {
	return v.frames.size() + moduleSize*int64(cap(v.modules)) + addressSize*int64(cap(v.addresses)) + oddSize*int64(cap(v.odd))
}

func (v *view) stacksSize() int64 {
	return v.nodes.size() + v.stacks.size()
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
	v.frames.compact()
	v.nodes.compact()
	v.stacks.compact()
	v.texts.compact()
	v.keys, v.modules, v.addresses, v.odd, v.links = exact(v.keys), exact(v.modules), exact(v.addresses), exact(v.odd), exact(v.links)
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

func (v *volume) link(l link) uint32 { return internIn(&v.lookup.links, &v.links, l) }

// add appends an item to a list, and its place to a lookup.
func add[T comparable](list *[]T, lookup map[T]uint32, item T) uint32 {
	i := uint32(len(*list))
	*list = append(*list, item)
	lookup[item] = i
	return i
}
