// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"unsafe"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/query"
	"github.com/tapio/tapio/internal/store/budget"
)

// SelectSeries implements query.MetricReader.
func (s *Store) SelectSeries(ctx context.Context, q model.SeriesQuery) (query.SeriesSet, error) {
	set := &seriesSet{ctx: ctx, account: s.budget.Account(ctx)}
	if err := set.find(s, q); err != nil {
		set.Close()
		return nil, err
	}
	return set, nil
}

// seriesSet is the series that a query selects, and where their points are.
type seriesSet struct {
	ctx       context.Context //nolint:containedctx // of the query, which lasts until Close
	account   *budget.Account
	from      aggregation // only what collect fills in
	sources   []*source
	unordered bool // the sources may come in any order
	reader    seriesReader
	closing   sync.Once
}

func (s *seriesSet) find(held *Store, q model.SeriesQuery) error {
	s.from = aggregation{
		query:  model.AggregateQuery{Names: q.Names, Filter: q.Filter},
		budget: held.budget, account: s.account,
	}
	if err := s.from.collect(s.ctx, held.points); err != nil {
		return err
	}
	for _, g := range s.from.groups {
		if s.unordered {
			s.sources = append(s.sources, g.sources...)
		} else {
			s.sources = append(s.sources, inSteadyOrder(g.sources)...)
		}
	}
	if err := s.account.Take(int64(cap(s.sources)) * tallyBytes / 4); err != nil {
		return err
	}
	if err := s.dropEmpty(); err != nil {
		return err
	}
	if q.Limit > 0 && len(s.sources) > q.Limit {
		return model.Exhausted("the query selects %d series, the most is %d: narrow its names or labels", len(s.sources), q.Limit)
	}
	return nil
}

// inSteadyOrder sorts the series of one metric by their attributes, then by those
// of their resource and scope.
func inSteadyOrder(sources []*source) []*source {
	type keyed struct {
		key    string
		source *source
	}
	list := make([]keyed, len(sources))
	for i, s := range sources {
		key := model.AppendAttributes(nil, sortedByKey(s.series.Attributes))
		key = model.AppendAttributes(key, sortedByKey(s.series.Resource.Attributes))
		key = model.AppendText(model.AppendText(key, s.series.Scope.Name), s.series.Scope.Version)
		list[i] = keyed{string(key), s}
	}
	slices.SortStableFunc(list, func(a, b keyed) int { return cmp.Compare(a.key, b.key) })
	sorted := make([]*source, len(list))
	for i := range list {
		sorted[i] = list[i].source
	}
	return sorted
}

// dropEmpty leaves out series without a point in the range.
func (s *seriesSet) dropEmpty() (err error) {
	s.sources = slices.DeleteFunc(s.sources, func(src *source) bool {
		if err == nil {
			err = s.ctx.Err()
		}
		return err != nil || !s.any(src)
	})
	return err
}

// any reports whether a series has a point in the range.
func (s *seriesSet) any(src *source) (found bool) {
	for at := src.first; at != 0; at = s.from.pieces[at].next {
		if v := &s.from.views[s.from.pieces[at].view]; covers(s.from.query.Filter.Time, v.oldest, v.newest) {
			return true
		}
	}
	s.eachTime(src, extent{}, func(model.Nanos) bool {
		found = true
		return false
	})
	return found
}

// widen extends the times seen by those of the points of a series in the range.
func (s *seriesSet) widen(seen *extent, src *source) {
	s.eachTime(src, *seen, func(at model.Nanos) bool {
		if at != 0 {
			seen.add(extent{at, at})
		}
		return true
	})
}

// eachTime calls use with the times of the points in the range until it returns
// false. It skips segments whose times lie within the known ones.
func (s *seriesSet) eachTime(src *source, known extent, use func(model.Nanos) bool) {
	times := s.from.query.Filter.Time
	for at := src.first; at != 0; at = s.from.pieces[at].next {
		p := &s.from.pieces[at]
		v := &s.from.views[p.view]
		if known.oldest != 0 && known.oldest <= v.oldest && v.newest <= known.newest {
			continue
		}
		if v.segment == nil { // in the range, as it was collected
			if !use(v.rows[p.at.data].time) {
				return
			}
			continue
		}
		s.reader.open(v.segment, p.at, false)
		var point model.Point
		for range p.at.count {
			if s.reader.readWithin(times, &point) && !use(point.Time) {
				return
			}
		}
	}
}

// Len implements query.SeriesSet.
func (s *seriesSet) Len() int { return len(s.sources) }

// Series implements query.SeriesSet.
func (s *seriesSet) Series(i int) *model.Series { return s.sources[i].series }

// Points implements query.SeriesSet.
func (s *seriesSet) Points(i int, buffer []model.Point) ([]model.Point, error) {
	if err := s.ctx.Err(); err != nil {
		return buffer, err
	}
	from := len(buffer)
	var err error
	turn := s.from.inTurn(s.ctx, func() error {
		return worked(func() error {
			buffer, err = s.Read(s.sources[i], buffer)
			return err
		})
	})
	if turn != nil {
		return buffer[:from], turn
	}
	g := gatherer{points: buffer[from:]}
	g.sort()
	g.dropDuplicates()
	return buffer[:from+len(g.points)], nil
}

func (s *seriesSet) Read(src *source, buffer []model.Point) ([]model.Point, error) {
	times := s.from.query.Filter.Time
	had, heap := cap(buffer), int64(0)
	for at := src.first; at != 0; at = s.from.pieces[at].next {
		p := &s.from.pieces[at]
		v := &s.from.views[p.view]
		count := 1
		if v.segment != nil {
			s.reader.open(v.segment, p.at, true)
			count = int(p.at.count)
		}
		for range count {
			var point model.Point
			if v.segment == nil {
				point = v.point(int(p.at.data))
			} else {
				point.Seq = v.first + uint64(s.reader.Read(&point))
			}
			if times.Contains(point.Time) {
				point.Series = src.series
				heap += int64(point.Size()) - pointHeader
				buffer = append(buffer, point)
			}
		}
		if err := s.account.Take(int64(cap(buffer)-had)*int64(unsafe.Sizeof(model.Point{})) + heap); err != nil {
			return buffer, err
		}
		had, heap = cap(buffer), 0
	}
	return buffer, nil
}

// pointHeader is what model.Point.Size counts for the struct itself.
const pointHeader = 112

// Take implements query.Account.
func (s *seriesSet) Take(bytes int64) error { return s.account.Take(bytes) }

// Give implements query.Account.
func (s *seriesSet) Give(bytes int64) { s.account.Give(bytes) }

// Close implements query.Account.
func (s *seriesSet) Close() { s.closing.Do(s.account.Close) }

// countSeries calls use with every series that has a point within the filter, and with
// a function that extends the times of a tally by those of its points.
func (s *Store) countSeries(
	ctx context.Context, filter *model.Filter, names []string, a *budget.Account, use func(series *model.Series, widen func(*extent)) error,
) error {
	set := seriesSet{ctx: ctx, account: a, unordered: true}
	if err := set.find(s, model.SeriesQuery{Names: names, Filter: *filter}); err != nil {
		return err
	}
	for _, src := range set.sources {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := use(src.series, func(seen *extent) { set.widen(seen, src) }); err != nil {
			return err
		}
	}
	return nil
}
