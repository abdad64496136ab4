// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"iter"

	"github.com/tapio/tapio/internal/model"
)

const (
	// maxBook is how many series a book holds before it begins again.
	maxBook = 1 << 17
	// leafSlots is how many slots a book makes room for at once.
	leafSlots = 256
)

// seriesBook is what one reader knows of series: which of them its query
// selects. It asks the registry for many at once, and matches each once.
type seriesBook struct {
	log    *pointLog
	names  []string
	filter *model.Filter
	// steady is set where all views are of one moment: then a slot stands for
	// one series in all of them.
	steady    bool
	leaves    []*[leafSlots]bookEntry // by slot
	count     int
	fresh     []freshSeries
	metrics   map[string]namedMetric
	metric    uint32 // slot of the one looked up last, plus 1
	selects   bool   // its points may be selected
	resources map[string]*model.Resource
	scopes    map[string]*model.Scope
}

// bookEntry is what is known of one slot.
type bookEntry struct {
	born   uint64        // 0: nothing
	series *model.Series // nil: not selected
}

type namedMetric struct {
	words    *model.Metric
	selected bool // by its name
}

// freshSeries is a series whose metric is selected but which is not read yet.
type freshSeries struct {
	slot uint32
	key  string
	of   [sharedParts]string
}

func newSeriesBook(l *pointLog, names []string, filter *model.Filter) *seriesBook {
	b := &seriesBook{log: l, names: names, filter: filter}
	b.clear()
	return b
}

func (b *seriesBook) clear() {
	b.leaves, b.count = nil, 0
	b.metrics, b.resources, b.scopes = map[string]namedMetric{}, map[string]*model.Resource{}, map[string]*model.Scope{}
}

// entry returns the place of a slot.
func (b *seriesBook) entry(slot uint32) *bookEntry {
	leaf := int(slot / leafSlots)
	if leaf >= len(b.leaves) {
		b.leaves = append(b.leaves, make([]*[leafSlots]bookEntry, leaf+1-len(b.leaves))...)
	}
	if b.leaves[leaf] == nil {
		b.leaves[leaf] = new([leafSlots]bookEntry)
	}
	return &b.leaves[leaf][slot%leafSlots]
}

// selected returns the series of a slot that was learnt, nil if the query does
// not select it.
func (b *seriesBook) selected(slot uint32) *model.Series {
	return b.leaves[slot/leafSlots][slot%leafSlots].series
}

// learn looks up the series that rows name. It reports false if one of them is
// gone: so are the rows, for they were evicted since their view was made. last
// is the sequence of the view's last row: a series that was born later has the
// slot of one that is gone.
func (b *seriesBook) learn(slots iter.Seq[uint32], last uint64) bool {
	if b.count > maxBook && !b.steady {
		b.clear()
	}
	b.fresh = b.fresh[:0]
	alive := b.lookUp(slots, last)
	for i := range b.fresh {
		b.Read(&b.fresh[i])
	}
	return alive
}

func (b *seriesBook) lookUp(slots iter.Seq[uint32], last uint64) bool {
	b.log.mu.RLock()
	defer b.log.mu.RUnlock()
	r := &b.log.registry
	b.metric = 0
	for slot := range slots {
		known := b.entry(slot)
		if b.steady && known.born != 0 {
			continue
		}
		e := r.series.at(slot)
		if e == nil || e.born > last {
			return false
		}
		if known.born == e.born {
			continue
		}
		*known = bookEntry{born: e.born}
		b.count++
		if b.selectsMetric(r, e.of[partMetric]) {
			f := freshSeries{slot: slot, key: e.key}
			for i := range f.of {
				f.of[i] = r.shared[i].at(e.of[i]).key
			}
			b.fresh = append(b.fresh, f)
		}
	}
	return true
}

// selectsMetric looks at the name of a metric, which mostly rules a series out.
func (b *seriesBook) selectsMetric(r *registry, slot uint32) bool {
	if b.metric != slot+1 {
		b.metric, b.selects = slot+1, b.named(r.shared[partMetric].at(slot).key).selected
	}
	return b.selects
}

func (b *seriesBook) named(key string) namedMetric {
	m, known := b.metrics[key]
	if !known {
		u := model.Unpack(key)
		m.words = u.Metric()
		m.selected = model.MatchName(b.names, m.words.Name)
		b.metrics[key] = m
	}
	return m
}

// Read matches a series. Those that share a resource or scope share its words.
func (b *seriesBook) Read(f *freshSeries) {
	attributes := model.Unpack(f.key)
	series := &model.Series{
		Metric:     b.named(f.of[partMetric]).words,
		Resource:   wordsOf(b.resources, f.of[partResource], (*model.Unpacker).Resource),
		Scope:      wordsOf(b.scopes, f.of[partScope], (*model.Unpacker).Scope),
		Attributes: attributes.Attributes(),
	}
	if b.filter.MatchSeries(series) {
		b.entry(f.slot).series = series
	}
}

func wordsOf[T any](known map[string]*T, key string, read func(*model.Unpacker) *T) *T {
	words, found := known[key]
	if !found {
		u := model.Unpack(key)
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
