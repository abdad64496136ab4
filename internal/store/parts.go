// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"hash/maphash"

	"github.com/tapio/tapio/internal/tapio"
)

// What the entries of a chunk's index are charged: the map's slot at its usual
// load, keys and values.
const (
	internBytes   = 72
	uidBytes      = 56
	traceBytes    = 96
	traceRowBytes = 8 // an int32, and as much for the list's room to grow
)

// parts is what the rows of one chunk share, and how they are found. It goes
// with the chunk.
type parts struct {
	resources pool[tapio.Resource]
	scopes    pool[tapio.Scope]
	uids      map[string]int32          // records that brought an id, by it
	traces    map[tapio.TraceID][]int32 // spans by trace
}

func newParts(hash *maphash.Hash) *parts {
	return &parts{
		resources: newPool(hash, hashResource, equalResources, (*tapio.Resource).Size),
		scopes:    newPool(hash, hashScope, equalScopes, (*tapio.Scope).Size),
		uids:      map[string]int32{},
		traces:    map[tapio.TraceID][]int32{},
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

func (p *parts) traceCost(id tapio.TraceID) int {
	if _, known := p.traces[id]; known {
		return traceRowBytes
	}
	return traceBytes + traceRowBytes
}

func (p *parts) keepTrace(id tapio.TraceID, place int32) {
	p.traces[id] = append(p.traces[id], place)
}
