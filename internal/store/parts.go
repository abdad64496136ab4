// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"hash/maphash"
	"iter"

	"github.com/tapio/tapio/internal/model"
)

// What the entries of a chunk's index are charged: the map's slot at its usual
// load, keys and values.
const (
	internBytes   = 72
	uidBytes      = 56
	traceBytes    = 56
	traceRowBytes = 8 // an int32, and as much for the list's room to grow
)

// parts is what the rows of one chunk share, and how they are found. It goes
// with the chunk.
type parts struct {
	resources pool[model.Resource]
	scopes    pool[model.Scope]
	uids      map[string]int32 // records that brought an id, by it

	traces  map[model.TraceID]int32 // the newest span of each
	earlier []int32                 // of each span the one of its trace before, noRow for none
	trace   model.TraceID           // the one asked for last
	newest  int32                   // its newest span, noRow for none
}

// noRow is the place of no row.
const noRow = -1

func newParts(hash *maphash.Hash) *parts {
	return &parts{
		resources: newPool(hash, hashResource, equalResources, (*model.Resource).Size),
		scopes:    newPool(hash, hashScope, equalScopes, (*model.Scope).Size),
		uids:      map[string]int32{},
		traces:    map[model.TraceID]int32{},
		newest:    noRow,
	}
}

// forget lets go of the values searched for last, for they may hold memory that
// nobody is charged for.
func (p *parts) forget() {
	p.resources.forget()
	p.scopes.forget()
}

func (p *parts) uidCost(uid string) int {
	if _, known := p.uids[uid]; known || uid == "" {
		return 0
	}
	return uidBytes
}

func (p *parts) keepUID(uid string, place int32) {
	if uid != "" {
		p.uids[uid] = place
	}
}

func (p *parts) traceCost(id model.TraceID) int {
	if p.newestOf(id) != noRow {
		return traceRowBytes
	}
	return traceBytes + traceRowBytes
}

// newestOf returns the newest span of a trace. It is for the writer: the spans of
// a trace mostly come together, and the latest answer is remembered.
func (p *parts) newestOf(id model.TraceID) int32 {
	if p.trace != id || p.newest == noRow {
		p.trace, p.newest = id, p.lookUp(id)
	}
	return p.newest
}

func (p *parts) lookUp(id model.TraceID) int32 {
	if newest, known := p.traces[id]; known {
		return newest
	}
	return noRow
}

func (p *parts) keepTrace(id model.TraceID, place int32) {
	p.earlier = append(p.earlier, p.newestOf(id))
	p.traces[id], p.newest = place, place
}

// spansOf returns the places of a trace's spans, the newest first.
func (p *parts) spansOf(id model.TraceID) iter.Seq[int32] {
	return func(yield func(int32) bool) {
		for place := p.lookUp(id); place != noRow && yield(place); {
			place = p.earlier[place]
		}
	}
}
