// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"hash/maphash"
	"slices"

	"github.com/tapio/tapio/internal/tapio"
)

// What the entries of a chunk's index are charged: the map's slot at its usual
// load, keys and values.
const (
	internBytes   = 72
	seriesBytes   = 128 // with its place in the census
	censusBytes   = 64  // that place alone, and the note of it
	uidBytes      = 56
	traceBytes    = 96
	traceRowBytes = 8 // an int32, and as much for the list's room to grow
)

// parts is what the rows of one chunk share, and how they are found. It goes
// with the chunk.
type parts struct {
	resources pool[tapio.Resource]
	scopes    pool[tapio.Scope]
	metrics   pool[tapio.Metric]
	series    map[seriesKey][]*tapio.Series
	uids      map[string]int32          // records that brought an id, by it
	traces    map[tapio.TraceID][]int32 // spans by trace

	hash   *maphash.Hash
	census *census
	member []uint64 // what the census knows the series as
	last   latestSeries
}

// seriesKey tells series apart, up to collisions of the attributes' hash.
type seriesKey struct {
	metric     *tapio.Metric
	resource   *tapio.Resource
	scope      *tapio.Scope
	attributes uint64
}

// latestSeries is the answer to the latest search.
type latestSeries struct {
	asked, kept *tapio.Series
	attributes  uint64
}

func newParts(hash *maphash.Hash, census *census) *parts {
	return &parts{
		resources: newPool(hash, hashResource, equalResources, (*tapio.Resource).Size),
		scopes:    newPool(hash, hashScope, equalScopes, (*tapio.Scope).Size),
		metrics:   newPool(hash, hashMetric, equalMetrics, (*tapio.Metric).Size),
		series:    map[seriesKey][]*tapio.Series{},
		uids:      map[string]int32{},
		traces:    map[tapio.TraceID][]int32{},
		hash:      hash,
		census:    census,
	}
}

// forget lets go of the values searched for last, for they may hold memory that
// nobody is charged for.
func (p *parts) forget() {
	p.resources.forget()
	p.scopes.forget()
	p.metrics.forget()
	p.last = latestSeries{}
}

// release takes the chunk's series off the census.
func (p *parts) release() {
	for _, hash := range p.member {
		p.census.leave(hash)
	}
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

// findSeries returns the chunk's own copy of a series, nil for none, and the
// hash of its attributes.
func (p *parts) findSeries(s *tapio.Series) (*tapio.Series, uint64) {
	if p.last.asked == s {
		return p.last.kept, p.last.attributes
	}
	p.hash.Reset()
	hashAttributes(p.hash, s.Attributes)
	p.last = latestSeries{asked: s, attributes: p.hash.Sum64()}
	for _, kept := range p.series[p.seriesKey(s, p.last.attributes)] {
		if kept.Attributes.Equal(s.Attributes) {
			p.last.kept = kept
			break
		}
	}
	return p.last.kept, p.last.attributes
}

// seriesKey has nil parts, and so finds nothing, if a part is not interned yet.
func (p *parts) seriesKey(s *tapio.Series, attributes uint64) seriesKey {
	metric, _ := p.metrics.find(s.Metric)
	resource, _ := p.resources.find(s.Resource)
	scope, _ := p.scopes.find(s.Scope)
	return seriesKey{metric: metric, resource: resource, scope: scope, attributes: attributes}
}

func (p *parts) seriesCost(s *tapio.Series) int {
	if kept, _ := p.findSeries(s); kept != nil {
		return 0
	}
	return s.Size() + seriesBytes +
		p.metrics.cost(s.Metric) + p.resources.cost(s.Resource) + p.scopes.cost(s.Scope)
}

func (p *parts) keepSeries(s *tapio.Series) *tapio.Series {
	kept, attributes := p.findSeries(s)
	if kept != nil {
		return kept
	}
	kept = &tapio.Series{
		Metric:   p.metrics.keep(s.Metric),
		Resource: p.resources.keep(s.Resource),
		Scope:    p.scopes.keep(s.Scope),
		// A copy, for these are a slice of all the attributes of their batch.
		Attributes: slices.Clone(s.Attributes),
	}
	key := p.seriesKey(kept, attributes)
	p.series[key] = append(p.series[key], kept)
	p.enlist(kept, attributes)
	p.last = latestSeries{asked: s, kept: kept, attributes: attributes}
	return kept
}

// enlist puts a series on the census.
func (p *parts) enlist(s *tapio.Series, attributes uint64) {
	_, metric := p.metrics.find(s.Metric)
	_, resource := p.resources.find(s.Resource)
	_, scope := p.scopes.find(s.Scope)
	p.hash.Reset()
	for _, part := range [...]uint64{metric, resource, scope, attributes} {
		hashNumber(p.hash, part)
	}
	hash := p.hash.Sum64()
	p.member = append(p.member, hash)
	p.census.join(hash)
}

// census counts distinct series over all chunks, by their hash. Its entries are
// charged to the chunks, within seriesBytes.
type census struct{ chunks map[uint64]int }

func (c *census) join(hash uint64) { c.chunks[hash]++ }

func (c *census) leave(hash uint64) {
	if c.chunks[hash]--; c.chunks[hash] <= 0 {
		delete(c.chunks, hash)
	}
}
