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

	"github.com/tapio/tapio/internal/tapio"
)

// lookBack is how far before the range the first window's predecessor is looked
// for, if the windows are not wider than that.
const lookBack = 5 * time.Minute

// collector gathers the points of a query by group and series.
type collector struct {
	query          tapio.AggregateQuery
	most           int // points that may be held
	held           int
	looked         int
	oldest, newest tapio.Nanos
	from           tapio.Nanos // begin of the look back
	groups         map[string]*group
	sources        map[string]*source
	identity       []byte // scratch of source
}

func newCollector(q tapio.AggregateQuery, most int) *collector {
	c := &collector{
		query: q, most: most,
		oldest: math.MaxUint64,
		groups: map[string]*group{}, sources: map[string]*source{},
	}
	if back := tapio.Nanos(max(q.Resolution, lookBack)); q.Filter.Time.Start > back {
		c.from = q.Filter.Time.Start - back
	}
	return c
}

func (c *collector) collect(ctx context.Context, views []view[tapio.Point]) error {
	times := tapio.TimeRange{Start: c.from, End: c.query.Filter.Time.End}
	h := seriesHint(times, c.query.Names, &c.query.Filter)
	for i := range views {
		if !times.Overlaps(views[i].oldest, views[i].newest) {
			continue
		}
		if err := c.collectView(ctx, &views[i], h); err != nil {
			return err
		}
	}
	return ctx.Err()
}

func (c *collector) collectView(ctx context.Context, v *view[tapio.Point], h *hint) error {
	known := map[*tapio.Series]*source{} // nil: not selected
	r := newReader(v, h)
	for b := range r.blocks() {
		if !r.admits(b) {
			continue
		}
		if err := c.collectRows(ctx, r.load(b).rows, h.times, known); err != nil {
			return err
		}
	}
	return nil
}

func (c *collector) collectRows(ctx context.Context, rows []tapio.Point, times tapio.TimeRange, known map[*tapio.Series]*source) error {
	for i := range rows {
		if c.looked++; c.looked%checkRows == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		p := &rows[i]
		if !times.Contains(p.Time) || !hasValue(p) {
			continue
		}
		s, seen := known[p.Series]
		if !seen {
			s = c.source(p.Series)
			known[p.Series] = s
		}
		if s == nil {
			continue
		}
		if err := c.add(s, p); err != nil {
			return err
		}
	}
	return nil
}

func (c *collector) add(s *source, p *tapio.Point) error {
	if p.Time < c.query.Filter.Time.Start {
		if s.before == nil || comparePoints(p, s.before) > 0 {
			s.before = p
		}
		return nil
	}
	if c.held++; c.held > c.most {
		return tapio.InvalidField("query", "selects more than %d points: narrow filter.time_range, metric_names or the labels", c.most)
	}
	c.oldest, c.newest = min(c.oldest, p.Time), max(c.newest, p.Time)
	s.points = append(s.points, p)
	return nil
}

// source finds or makes the series' place; nil if it is not selected.
func (c *collector) source(series *tapio.Series) *source {
	if !tapio.MatchName(c.query.Names, series.Metric.Name) || !c.query.Filter.MatchSeries(series) {
		return nil
	}
	c.identity = appendIdentity(c.identity[:0], series)
	if s, ok := c.sources[string(c.identity)]; ok {
		return s
	}
	s := &source{}
	c.sources[string(c.identity)] = s
	g := c.group(series)
	g.sources = append(g.sources, s)
	return s
}

func (c *collector) group(series *tapio.Series) *group {
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

// sorted returns the groups that hold points, by name, then by labels.
func (c *collector) sorted() []*group {
	groups := make([]*group, 0, len(c.groups))
	for _, g := range c.groups {
		g.sources = slices.DeleteFunc(g.sources, func(s *source) bool { return len(s.points) == 0 })
		if len(g.sources) > 0 {
			groups = append(groups, g)
		}
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

// hasValue reports whether the point says something: it is not the mark of a
// series gone stale, and has a number or distribution as its metric declares.
func hasValue(p *tapio.Point) bool {
	if p.Flags&tapio.FlagNoRecordedValue != 0 {
		return false
	}
	switch p.Series.Metric.Type {
	case tapio.MetricGauge, tapio.MetricSum:
		return p.Number != tapio.NumberNone && !math.IsNaN(p.Float())
	case tapio.MetricHistogram:
		return p.Histogram != nil
	case tapio.MetricExponentialHistogram:
		return p.Exponential != nil
	case tapio.MetricSummary:
		return p.Summary != nil
	default:
		return false
	}
}

// appendIdentity writes what tells a series from others in all chunks. The order
// of attributes does not matter.
func appendIdentity(dst []byte, s *tapio.Series) []byte {
	dst = appendMetric(dst, s.Metric)
	dst = appendAttributes(dst, s.Resource.Attributes)
	dst = appendText(appendText(dst, s.Scope.Name), s.Scope.Version)
	dst = appendAttributes(dst, s.Scope.Attributes)
	return appendAttributes(dst, s.Attributes)
}

func appendMetric(dst []byte, m *tapio.Metric) []byte {
	dst = appendText(appendText(dst, m.Name), m.Unit)
	monotonic := byte(0)
	if m.Monotonic {
		monotonic = 1
	}
	return append(dst, byte(m.Type), byte(m.Temporality), monotonic)
}

func appendAttributes(dst []byte, attributes tapio.Attributes) []byte {
	sorted := attributes
	if byKey := func(a, b tapio.KeyValue) int { return cmp.Compare(a.Key, b.Key) }; !slices.IsSortedFunc(sorted, byKey) {
		sorted = slices.Clone(attributes) // most senders sort, so that this is rare
		slices.SortStableFunc(sorted, byKey)
	}
	dst = append(strconv.AppendInt(dst, int64(len(sorted)), 10), ';')
	for _, kv := range sorted {
		dst = append(appendText(dst, kv.Key), byte(kv.Value.Kind()))
		dst = appendText(dst, kv.Value.Text())
	}
	return dst
}

// appendText puts the length first, so that neighbours do not run together.
func appendText(dst []byte, s string) []byte {
	dst = append(strconv.AppendInt(dst, int64(len(s)), 10), ':')
	return append(dst, s...)
}
