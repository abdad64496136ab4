// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"github.com/cespare/xxhash/v2"

	"github.com/tapio/tapio/internal/model"
)

// The parts that series share; their places in interned.of.
const (
	partMetric = iota
	partResource
	partScope
	sharedParts
)

// registry knows every series that a stored point belongs to, once, however
// many chunks hold points of it. It is guarded by its log's lock.
type registry struct {
	shared  [sharedParts]interner // metrics, resources and scopes
	series  interner              // keys: packed attributes
	labels  interner              // names of the attributes of series and resources
	evicted uint64                // series since the start
}

func (r *registry) all() [sharedParts + 2]*interner {
	return [...]*interner{&r.shared[partMetric], &r.shared[partResource], &r.shared[partScope], &r.series, &r.labels}
}

// size is the bytes held.
func (r *registry) size() (bytes int64) {
	for _, n := range r.all() {
		bytes += int64(n.size())
	}
	return bytes
}

func (r *registry) shrink() {
	for _, n := range r.all() {
		n.shrink()
	}
}

// origin is a batch's metric, resource and scope as the registry knows them.
// It holds until something is evicted.
type origin struct {
	packed [sharedParts]model.Packed
	of     [sharedParts]uint32
	known  [sharedParts]bool
	hash   uint64
	ready  bool
}

// findOrigin looks up what the registry has of an origin.
func (r *registry) findOrigin(b *model.PointBatch, p *model.PackedOrigin) origin {
	o := origin{packed: [...]model.Packed{p.Metric, p.Resource, p.Scope}, ready: true}
	for i, packed := range o.packed {
		o.of[i], o.known[i] = r.shared[i].find(packed.Hash, [sharedParts]uint32{}, b.Key(packed))
		o.hash = (o.hash ^ packed.Hash) * 0x9e3779b97f4a7c15
	}
	return o
}

// seriesHash: the attributes of a series do not distinguish it from that of another
// metric or resource.
func (o *origin) seriesHash(attributes model.Packed) uint64 {
	return (o.hash ^ attributes.Hash) * 0x9e3779b97f4a7c15
}

// find returns the slot of a series.
func (r *registry) find(b *model.PointBatch, o *origin, attributes model.Packed) (slot uint32, found bool) {
	if o.known != [sharedParts]bool{true, true, true} {
		return 0, false
	}
	return r.series.find(o.seriesHash(attributes), o.of, b.Key(attributes))
}

// cost is at least what add would add to size.
func (r *registry) cost(b *model.PointBatch, o *origin, attributes model.Packed) int64 {
	key := b.Key(attributes)
	names, bytes := namesIn(key)
	cost := r.series.cost(1, len(key))
	for i, packed := range o.packed {
		if o.known[i] {
			continue
		}
		key := b.Key(packed)
		cost += r.shared[i].cost(1, len(key))
		if i == partResource {
			more, moreBytes := namesIn(key)
			names, bytes = names+more, bytes+moreBytes
		}
	}
	return int64(cost + r.labels.cost(names, bytes))
}

// namesIn counts the attributes that a packed series or resource begins with,
// and bounds the bytes of their names.
func namesIn(packed []byte) (names, bytes int) {
	u := model.Unpack(string(packed))
	return u.Count(), len(packed)
}

// add keeps a series that find does not find. Nothing refers to it yet.
func (r *registry) add(b *model.PointBatch, o *origin, attributes model.Packed, born uint64) (slot uint32) {
	for i, packed := range o.packed {
		if !o.known[i] {
			o.of[i], o.known[i] = r.shared[i].add(packed.Hash, [sharedParts]uint32{}, b.Key(packed), born), true
			if i == partResource {
				r.keepLabels(r.shared[i].at(o.of[i]).key, born)
			}
		}
		r.shared[i].at(o.of[i]).refs++
	}
	slot = r.series.add(o.seriesHash(attributes), o.of, b.Key(attributes), born)
	r.keepLabels(r.series.at(slot).key, born)
	return slot
}

// release takes one reference to a series back.
func (r *registry) release(slot uint32) {
	e := *r.series.at(slot)
	if !r.series.release(slot) {
		return
	}
	r.evicted++
	r.releaseLabels(e.key)
	for i, part := range e.of {
		key := r.shared[i].at(part).key
		if r.shared[i].release(part) && i == partResource {
			r.releaseLabels(key)
		}
	}
}

func (r *registry) keepLabels(packed string, born uint64) {
	eachName(packed, func(name string) {
		hash := xxhash.Sum64String(name)
		slot, found := r.labels.find(hash, [sharedParts]uint32{}, []byte(name))
		if !found {
			slot = r.labels.add(hash, [sharedParts]uint32{}, []byte(name), born)
		}
		r.labels.at(slot).refs++
	})
}

func (r *registry) releaseLabels(packed string) {
	eachName(packed, func(name string) {
		if slot, found := r.labels.find(xxhash.Sum64String(name), [sharedParts]uint32{}, []byte(name)); found {
			r.labels.release(slot)
		}
	})
}

// eachName calls use with the name of each attribute that a packed series or
// resource begins with. A name that is empty is passed over: it is no label.
func eachName(packed string, use func(name string)) {
	u := model.Unpack(packed)
	for range u.Count() {
		name := u.Text()
		u.Value()
		if name != "" {
			use(name)
		}
	}
}
