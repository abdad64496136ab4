// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package intern

import (
	"hash/maphash"
	"iter"

	"github.com/tapio/tapio/internal/model"
)

// What the entries of a chunk's index are charged: the map's slot at its usual
// load, keys and values.
const (
	InternBytes   = 72
	uidBytes      = 56
	traceBytes    = 56
	traceRowBytes = 8 // an int32, and as much for the list's room to grow
)

// Parts is what the rows of one chunk share, and how they are found. It goes
// with the chunk.
type Parts struct {
	Resources pool[model.Resource]
	Scopes    pool[model.Scope]
	UIDs      map[string]int32 // records that brought an id, by it

	traces  map[model.TraceID]int32 // the newest span of each
	earlier []int32                 // of each span the one of its trace before, noRow for none
	trace   model.TraceID           // the one asked for last
	newest  int32                   // its newest span, noRow for none
}

// noRow is the place of no row.
const noRow = -1

// NewParts makes empty parts. The hash is shared by the chunks of a log.
func NewParts(hash *maphash.Hash) *Parts {
	return &Parts{
		Resources: newPool(hash, hashResource, EqualResources, (*model.Resource).Size),
		Scopes:    newPool(hash, hashScope, EqualScopes, (*model.Scope).Size),
		UIDs:      map[string]int32{},
		traces:    map[model.TraceID]int32{},
		newest:    noRow,
	}
}

// Forget releases the values searched for last, for they may hold memory that
// no one is charged for.
func (p *Parts) Forget() {
	p.Resources.forget()
	p.Scopes.forget()
}

// UIDCost is the bytes that KeepUID would add.
func (p *Parts) UIDCost(uid string) int {
	if _, known := p.UIDs[uid]; known || uid == "" {
		return 0
	}
	return uidBytes
}

// KeepUID remembers the row that brought the id.
func (p *Parts) KeepUID(uid string, place int32) {
	if uid != "" {
		p.UIDs[uid] = place
	}
}

// TraceCost is the bytes that KeepTrace would add.
func (p *Parts) TraceCost(id model.TraceID) int {
	if p.newestOf(id) != noRow {
		return traceRowBytes
	}
	return traceBytes + traceRowBytes
}

// newestOf returns the newest span of a trace. It is for the writer: the spans of
// a trace mostly come together, and the latest answer is remembered.
func (p *Parts) newestOf(id model.TraceID) int32 {
	if p.trace != id || p.newest == noRow {
		p.trace, p.newest = id, p.lookUp(id)
	}
	return p.newest
}

func (p *Parts) lookUp(id model.TraceID) int32 {
	if newest, known := p.traces[id]; known {
		return newest
	}
	return noRow
}

// KeepTrace remembers the row as a span of the trace.
func (p *Parts) KeepTrace(id model.TraceID, place int32) {
	p.earlier = append(p.earlier, p.newestOf(id))
	p.traces[id], p.newest = place, place
}

// SpansOf returns the places of a trace's spans, the newest first.
func (p *Parts) SpansOf(id model.TraceID) iter.Seq[int32] {
	return func(yield func(int32) bool) {
		for place := p.lookUp(id); place != noRow && yield(place); {
			place = p.earlier[place]
		}
	}
}
