// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"cmp"
	"context"
	"math"
	"slices"
	"strconv"
	"time"
	"unsafe"

	"github.com/tapio/tapio/internal/model"
)

// lookBack is how far before the range the first window's predecessor is looked
// for, if the windows are not wider than that.
const lookBack = 5 * time.Minute

// piece is where some points of a series stand: a stretch of a segment or, of a
// chunk that is not compacted, the row at data.
type piece struct {
	at   stretch
	view int32
	next int32 // the next one of the series; 0: none
}

// source is one stored series, from all chunks.
type source struct {
	first, last int32 // among the pieces
	series      *model.Series
}

// group is the series that are put together.
type group struct {
	metric  *model.Metric
	labels  []string
	sources []*source
}

// collector finds the pieces of the series that a query selects, and which
// group each belongs to.
type collector struct {
	*aggregation
	book    *seriesBook
	bySlot  []*source // nil: not looked up, or not selected
	looked  []bool
	groups  map[string]*group
	sources map[identity]*source
	parts   map[string]int32 // numbers what makes a series' identity
	scratch []byte
}

// identity distinguishes a series from others: its metric, resource and scope by
// numbers, its attributes packed in the order of their keys.
type identity struct {
	metric, resource, scope int32
	attributes              string
}

// times is the range of the query with the look back before it, if it aggregates.
func (a *aggregation) times() model.TimeRange {
	times := a.query.Filter.Time
	if a.query.Aggregation == model.AggregateNone {
		return times
	}
	back := model.Nanos(max(a.query.Resolution, lookBack))
	times.Start -= min(back, times.Start)
	return times
}

func (a *aggregation) collect(ctx context.Context, l *pointLog) error {
	a.views, _ = l.views()
	a.pieces = make([]piece, 1) // 0 is none
	c := collector{
		aggregation: a, book: newSeriesBook(l, a.query.Names, &a.query.Filter),
		groups: map[string]*group{}, sources: map[identity]*source{}, parts: map[string]int32{},
	}
	c.book.steady = true
	for i := range a.views {
		v := &a.views[i]
		if !a.times().Overlaps(v.oldest, v.newest) || !c.book.learnView(v) {
			continue
		}
		before := cap(a.pieces)
		err := a.inTurn(ctx, func() error {
			c.collectView(int32(i), v)
			return a.account.Take(int64(cap(a.pieces)-before) * int64(unsafe.Sizeof(piece{})))
		})
		if err != nil {
			return err
		}
	}
	a.groups = c.sorted()
	return nil
}

func (c *collector) collectView(i int32, v *pointView) {
	if v.segment != nil {
		for at := range v.segment.stretches {
			c.add(piece{at: at, view: i})
		}
		return
	}
	times := c.times()
	for place := range v.rows {
		if row := &v.rows[place]; times.Contains(row.time) {
			c.add(piece{at: stretch{series: row.series, count: 1, data: uint32(place)}, view: i})
		}
	}
}

// add puts a piece behind the others of its series.
func (c *collector) add(p piece) {
	s := c.source(p.at.series)
	if s == nil {
		return
	}
	at := int32(len(c.pieces))
	c.pieces = append(c.pieces, p)
	if s.first == 0 {
		s.first = at
	} else {
		c.pieces[s.last].next = at
	}
	s.last = at
}

// source finds or makes the place of a slot's series; nil if it is not selected.
func (c *collector) source(slot uint32) *source {
	if more := int(slot) + 1 - len(c.looked); more > 0 {
		c.looked = append(c.looked, make([]bool, more)...)
		c.bySlot = append(c.bySlot, make([]*source, more)...)
	}
	if !c.looked[slot] {
		c.looked[slot] = true
		if series := c.book.selected(slot); series != nil {
			c.bySlot[slot] = c.sourceOf(series)
		}
	}
	return c.bySlot[slot]
}

func (c *collector) sourceOf(series *model.Series) *source {
	id := c.identify(series)
	s, known := c.sources[id]
	if !known {
		s = &source{series: series}
		c.sources[id] = s
		g := c.group(series)
		g.sources = append(g.sources, s)
	}
	return s
}

// identify leaves out what may change without making another series: texts that
// describe, and the order of attributes.
func (c *collector) identify(s *model.Series) (id identity) {
	c.scratch = appendMetric(append(c.scratch[:0], 'm'), s.Metric)
	id.metric = c.part()
	c.scratch = model.AppendAttributes(append(c.scratch[:0], 'r'), sortedByKey(s.Resource.Attributes))
	id.resource = c.part()
	c.scratch = model.AppendText(model.AppendText(append(c.scratch[:0], 's'), s.Scope.Name), s.Scope.Version)
	c.scratch = model.AppendAttributes(c.scratch, sortedByKey(s.Scope.Attributes))
	id.scope = c.part()
	c.scratch = model.AppendAttributes(c.scratch[:0], sortedByKey(s.Attributes))
	id.attributes = string(c.scratch)
	return id
}

func (c *collector) part() int32 {
	number, known := c.parts[string(c.scratch)]
	if !known {
		number = int32(len(c.parts))
		c.parts[string(c.scratch)] = number
	}
	return number
}

func sortedByKey(list model.Attributes) model.Attributes {
	byKey := func(a, b model.KeyValue) int { return cmp.Compare(a.Key, b.Key) }
	if slices.IsSortedFunc(list, byKey) {
		return list // most senders sort, so that this is usual
	}
	list = slices.Clone(list)
	slices.SortStableFunc(list, byKey)
	return list
}

func (c *collector) group(series *model.Series) *group {
	labels := make([]string, len(c.query.GroupBy))
	key := appendMetric(nil, series.Metric)
	for i := range c.query.GroupBy {
		if v, ok := series.Labels().Get(c.query.GroupBy[i]); ok {
			labels[i] = v.Text()
		}
		key = appendText(key, labels[i])
	}
	g, ok := c.groups[string(key)]
	if !ok {
		g = &group{metric: series.Metric, labels: labels}
		c.groups[string(key)] = g
	}
	return g
}

// sorted returns the groups by name, then by labels.
func (c *collector) sorted() []*group {
	groups := make([]*group, 0, len(c.groups))
	for _, g := range c.groups {
		groups = append(groups, g)
	}
	slices.SortFunc(groups, func(a, b *group) int {
		return cmp.Or(
			cmp.Compare(a.metric.Name, b.metric.Name),
			slices.Compare(a.labels, b.labels),
			slices.Compare(appendMetric(nil, a.metric), appendMetric(nil, b.metric)),
		)
	})
	return groups
}

func appendMetric(dst []byte, m *model.Metric) []byte {
	return m.AppendIdentity(dst)
}

// appendText puts the length first, so that neighbours do not run together.
func appendText(dst []byte, s string) []byte {
	dst = append(strconv.AppendInt(dst, int64(len(s)), 10), ':')
	return append(dst, s...)
}

// hasValue reports whether the point says something: it is not the mark of a
// series gone stale, and has a number or distribution as its metric declares.
func hasValue(m *model.Metric, p *model.Point) bool {
	if p.Flags&model.FlagNoRecordedValue != 0 {
		return false
	}
	switch m.Type {
	case model.MetricGauge, model.MetricSum:
		return p.Number != model.NumberNone && !math.IsNaN(p.Float())
	case model.MetricHistogram:
		return p.Histogram != nil
	case model.MetricExponentialHistogram:
		return p.Exponential != nil
	case model.MetricSummary:
		return p.Summary != nil
	default:
		return false
	}
}
