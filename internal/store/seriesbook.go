// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"iter"

	"github.com/tapio/tapio/internal/tapio"
)

// maxBook is how many series a book holds before it begins anew.
const maxBook = 1 << 17

// seriesBook is what one reader knows of series: which of them its query
// selects. It asks the registry for many at once, and matches each once.
type seriesBook struct {
	log     *pointLog
	names   []string
	filter  *tapio.Filter
	known   map[uint32]bookEntry
	fresh   []freshSeries
	metrics map[string]namedMetric
	// Series that share a resource or scope share its words, too.
	resources map[string]*tapio.Resource
	scopes    map[string]*tapio.Scope
}

// bookEntry is what is known of one slot.
type bookEntry struct {
	born   uint64
	series *tapio.Series // nil: not selected
}

type namedMetric struct {
	words    *tapio.Metric
	selected bool // by its name
}

// freshSeries is a series that was looked up but not read yet.
type freshSeries struct {
	slot uint32
	born uint64
	key  string
	of   [sharedParts]string
}

func newSeriesBook(l *pointLog, names []string, filter *tapio.Filter) *seriesBook {
	b := &seriesBook{log: l, names: names, filter: filter}
	b.clear()
	return b
}

func (b *seriesBook) clear() {
	b.known, b.metrics = map[uint32]bookEntry{}, map[string]namedMetric{}
	b.resources, b.scopes = map[string]*tapio.Resource{}, map[string]*tapio.Scope{}
}

// selected returns the series of a slot that was learnt, nil if the query does
// not select it.
func (b *seriesBook) selected(slot uint32) *tapio.Series { return b.known[slot].series }

// learn looks up the series that rows name. It reports false if one of them is
// gone: so are the rows, for they were evicted since their view was made. last
// is the sequence of the view's last row: a series that was born later has the
// slot of one that is gone.
func (b *seriesBook) learn(slots iter.Seq[uint32], last uint64) bool {
	if len(b.known) > maxBook {
		b.clear()
	}
	b.fresh = b.fresh[:0]
	if !b.lookUp(slots, last) {
		for _, f := range b.fresh {
			delete(b.known, f.slot)
		}
		return false
	}
	for i := range b.fresh {
		b.read(&b.fresh[i])
	}
	return true
}

func (b *seriesBook) lookUp(slots iter.Seq[uint32], last uint64) bool {
	b.log.mu.RLock()
	defer b.log.mu.RUnlock()
	r := &b.log.registry
	for slot := range slots {
		e := r.series.at(slot)
		if e == nil || e.born > last {
			return false
		}
		if entry, found := b.known[slot]; found && entry.born == e.born {
			continue
		}
		b.known[slot] = bookEntry{born: e.born}
		f := freshSeries{slot: slot, born: e.born, key: e.key}
		for i := range f.of {
			f.of[i] = r.shared[i].at(e.of[i]).key
		}
		b.fresh = append(b.fresh, f)
	}
	return true
}

// read matches a series by its name first, for that mostly rules it out.
func (b *seriesBook) read(f *freshSeries) {
	metric := b.metric(f.of[partMetric])
	if !metric.selected {
		return
	}
	attributes := tapio.Unpack(f.key)
	series := &tapio.Series{
		Metric: metric.words, Resource: wordsOf(b.resources, f.of[partResource], (*tapio.Unpacker).Resource),
		Scope: wordsOf(b.scopes, f.of[partScope], (*tapio.Unpacker).Scope), Attributes: attributes.Attributes(),
	}
	if b.filter.MatchSeries(series) {
		b.known[f.slot] = bookEntry{born: f.born, series: series}
	}
}

func (b *seriesBook) metric(key string) namedMetric {
	m, known := b.metrics[key]
	if !known {
		u := tapio.Unpack(key)
		m.words = u.Metric()
		m.selected = tapio.MatchName(b.names, m.words.Name)
		b.metrics[key] = m
	}
	return m
}

func wordsOf[T any](known map[string]*T, key string, read func(*tapio.Unpacker) *T) *T {
	words, found := known[key]
	if !found {
		u := tapio.Unpack(key)
		words = read(&u)
		known[key] = words
	}
	return words
}

// learnView learns the series of all rows of a view.
func (b *seriesBook) learnView(v *pointView) bool {
	last := v.first + uint64(v.count) - 1
	if v.segment == nil {
		return b.learn(slotsOf(v.rows), last)
	}
	return b.learn(func(yield func(uint32) bool) {
		for at := range v.segment.stretches {
			if !yield(at.series) {
				return
			}
		}
	}, last)
}

func slotsOf(rows []pointRow) iter.Seq[uint32] {
	return func(yield func(uint32) bool) {
		for i := range rows {
			if !yield(rows[i].series) {
				return
			}
		}
	}
}
