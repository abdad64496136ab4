// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"hash/maphash"
	"sync"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/query"
	"github.com/tapio/tapio/internal/store/colenc"
)

// maxSeriesOwners is how many owners are remembered. Beyond it all are forgotten, so
// that those that are gone take no memory.
const maxSeriesOwners = 1 << 16

// seriesOwner is who a series belongs to, as far as services are counted.
type seriesOwner struct{ service, namespace, instance string }

// ownedSeries is what is remembered of a slot.
type ownedSeries struct {
	born     uint64 // 0: nothing
	identity uint64 // hash of what makes it another series
	owner    uint32
}

// seriesOwners remembers the services of series, 24 B each, so that listing services does not read
// all series again.
type seriesOwners struct {
	seed maphash.Seed

	mu     sync.Mutex
	bySlot []ownedSeries
	owners []seriesOwner
	byText map[seriesOwner]uint32
}

func newSeriesOwners() *seriesOwners {
	return &seriesOwners{seed: maphash.MakeSeed(), byText: map[seriesOwner]uint32{}}
}

// learn returns what is known of all series of a selection, by slot, and the owners.
func (o *seriesOwners) learn(ctx context.Context, sel query.SeriesSelection) ([]ownedSeries, []seriesOwner, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.owners) > maxSeriesOwners {
		o.bySlot, o.owners = nil, nil
		clear(o.byText)
	}
	var known []ownedSeries
	var missing []query.SeriesRef
	for refs := range sel.Refs() {
		if err := ctx.Err(); err != nil {
			return nil, nil, err
		}
		missing = missing[:0]
		for _, ref := range refs {
			if int(ref.Slot) >= len(o.bySlot) || o.bySlot[ref.Slot].born != ref.Born {
				missing = append(missing, ref)
			}
		}
		o.Read(missing, sel)
		for _, ref := range refs {
			if int(ref.Slot) >= len(o.bySlot) {
				continue
			}
			if more := int(ref.Slot) + 1 - len(known); more > 0 {
				known = append(known, make([]ownedSeries, more)...)
			}
			if is := o.bySlot[ref.Slot]; is.born == ref.Born {
				known[ref.Slot] = is
			}
		}
	}
	return known, o.owners, sel.Take(int64(colenc.SliceBytes(known)))
}

func (o *seriesOwners) Read(refs []query.SeriesRef, sel query.SeriesSelection) {
	if len(refs) == 0 {
		return
	}
	keys := newServiceTallies(nil)
	for i, series := range sel.Load(refs) {
		if series == nil {
			continue // evicted since
		}
		slot := int(refs[i].Slot)
		if more := slot + 1 - len(o.bySlot); more > 0 {
			o.bySlot = append(o.bySlot, make([]ownedSeries, more)...)
		}
		labels := series.Labels()
		owner := o.Place(seriesOwner{textOf(labels, keys.service), textOf(labels, keys.namespace), textOf(labels, keys.instance)})
		o.bySlot[slot] = ownedSeries{born: refs[i].Born, identity: o.identify(series), owner: owner}
	}
}

func (o *seriesOwners) Place(owner seriesOwner) uint32 {
	place, known := o.byText[owner]
	if !known {
		place = uint32(len(o.owners))
		o.owners = append(o.owners, owner)
		o.byText[owner] = place
	}
	return place
}

// identify hashes what collector.identify compares.
func (o *seriesOwners) identify(s *model.Series) uint64 {
	key := model.AppendAttributes(appendMetric(nil, s.Metric), sortedByKey(s.Resource.Attributes))
	key = model.AppendText(model.AppendText(key, s.Scope.Name), s.Scope.Version)
	key = model.AppendAttributes(key, sortedByKey(s.Scope.Attributes))
	key = model.AppendAttributes(key, sortedByKey(s.Attributes))
	return maphash.Bytes(o.seed, key)
}

// seriesCounter counts the series of services within a range of time.
type seriesCounter struct {
	selection *selection
	tallies   *serviceTallies
	series    []ownedSeries // by slot
	owners    []seriesOwner
	byOwner   []*serviceTally
	present   []bool // by slot
}

// countOwned counts the series with points in a range by service.
func (s *Store) countOwned(ctx context.Context, times model.TimeRange, tallies *serviceTallies) error {
	sel := s.selectSeries(ctx, times)
	defer sel.Close()
	c := seriesCounter{selection: sel, tallies: tallies}
	var err error
	if c.series, c.owners, err = s.owners.learn(ctx, sel); err != nil {
		return err
	}
	c.present, c.byOwner = make([]bool, len(c.series)), make([]*serviceTally, len(c.owners))
	for i := range sel.views {
		// The oldest and the newest first: what lies between is known then.
		if i > 0 {
			i = len(sel.views) - i
		}
		v := &sel.views[i]
		if !times.Overlaps(v.oldest, v.newest) {
			continue
		}
		if err := sel.inTurn(ctx, func() error { return c.view(v) }); err != nil {
			return err
		}
	}
	return c.count()
}

// tallyOf returns where the series of a slot is counted, nil if it is gone.
func (c *seriesCounter) tallyOf(slot uint32) (*serviceTally, error) {
	if int(slot) >= len(c.series) || c.series[slot].born == 0 {
		return nil, nil
	}
	owner := c.series[slot].owner
	if c.byOwner[owner] == nil {
		is := &c.owners[owner]
		tally, err := c.tallies.named(is.service, is.namespace, is.instance, model.SignalMetrics)
		if err != nil {
			return nil, err
		}
		c.byOwner[owner] = tally
	}
	return c.byOwner[owner], nil
}

// view notes which series have points of a view in the range, and when. Where the view
// lies within the times that are known of the service, its points are not looked at.
func (c *seriesCounter) view(v *pointView) error {
	times := c.selection.times
	if v.segment == nil {
		for i := range v.rows {
			if row := &v.rows[i]; times.Contains(row.time) {
				if err := c.point(row.series, row.time); err != nil {
					return err
				}
			}
		}
		return nil
	}
	covered := covers(times, v.oldest, v.newest)
	for at := range v.segment.stretches {
		if covered {
			if tally, err := c.tallyOf(at.series); err != nil {
				return err
			} else if tally != nil && tally.knows(v) {
				c.present[at.series] = true
				continue
			}
		}
		reader := &c.selection.reader
		reader.open(v.segment, at, false)
		var p model.Point
		for range at.count {
			if reader.readWithin(times, &p) {
				if err := c.point(at.series, p.Time); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// knows reports whether no point of a view can widen the times of the service.
func (t *serviceTally) knows(v *pointView) bool {
	return t.extent.oldest != 0 && t.extent.oldest <= v.oldest && v.newest <= t.extent.newest
}

func (c *seriesCounter) point(slot uint32, at model.Nanos) error {
	tally, err := c.tallyOf(slot)
	if tally != nil {
		c.present[slot] = true
		tally.saw(at)
	}
	return err
}

// count counts each series once, however many slots it has.
func (c *seriesCounter) count() error {
	some := 0
	for _, is := range c.present {
		if is {
			some++
		}
	}
	const entry = 16
	if err := c.selection.Take(int64(some) * entry); err != nil {
		return err
	}
	seen := make(map[uint64]struct{}, some)
	for slot, is := range c.present {
		if !is {
			continue
		}
		identity := c.series[slot].identity
		if _, known := seen[identity]; known {
			continue
		}
		seen[identity] = struct{}{}
		c.byOwner[c.series[slot].owner].service.Series++
	}
	return nil
}
