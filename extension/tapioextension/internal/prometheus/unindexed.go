// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package prometheus

import (
	"context"
	"iter"
	"slices"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/query"
)

// open returns the series with points in a range that the matchers of names may select,
// and the catalog to translate them with.
func (q *Queryable) open(ctx context.Context, times model.TimeRange, names []*labels.Matcher) (query.SeriesSelection, *catalog, error) {
	if q.index != nil {
		return q.index.Select(ctx, times), q.catalogOf(ctx), nil
	}
	wanted := model.SeriesQuery{Filter: model.Filter{Time: times}}
	var err error
	if wanted.Names, err = q.metricsOf(ctx, times, names); err != nil {
		return nil, nil, err
	}
	set, err := q.reader.SelectSeries(ctx, wanted)
	if err != nil {
		return nil, nil, err
	}
	return &unindexed{SeriesSet: set}, newCatalog(q.catalogOf(ctx).translation), nil
}

// maxMetrics is how many metrics are asked for by name; with more, all are.
const maxMetrics = 100

// lister is a reader that lists metrics without their points.
type lister interface {
	ListMetrics(ctx context.Context, q model.MetricQuery) (model.List[model.MetricInfo], error)
}

// metricsOf returns the names of the metrics that may become series of a name that
// matches; none if that is not known, or if there are many.
func (q *Queryable) metricsOf(ctx context.Context, times model.TimeRange, matchers []*labels.Matcher) ([]string, error) {
	from, ok := q.reader.(lister)
	if !ok || len(matchers) == 0 || matchesName(targetInfoName, matchers) {
		return nil, nil
	}
	translation := q.catalogOf(ctx).translation
	list := model.MetricQuery{Filter: model.Filter{Time: times}, Paging: model.ListPaging{Limit: metricsAtOnce}}
	names := []string{noMetric}
	for {
		page, err := from.ListMetrics(ctx, list)
		if err != nil {
			return nil, err
		}
		for i := range page.Items {
			if name := page.Items[i].Metric.Name; translation.mayBecome(page.Items[i].Metric, matchers) && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
		switch {
		case len(names) > maxMetrics:
			return nil, nil
		case page.Next.IsZero():
			return names, nil
		}
		list.Paging.After = page.Next
	}
}

const (
	metricsAtOnce = 10_000
	// noMetric is no metric's name: a list of it alone selects nothing.
	noMetric = "\x00"
)

// mayBecome reports whether a metric may become a series of a name that matches,
// translated or as it is.
func (t *translation) mayBecome(m *model.Metric, matchers []*labels.Matcher) bool {
	names := slices.Concat(t.family(m).names, []string{m.Name, m.Name + "_bucket", m.Name + "_count", m.Name + "_sum"})
	return slices.ContainsFunc(names, func(name string) bool { return matchesName(name, matchers) })
}

// unindexed is the series of a backend without an index. Their references are valid for
// one query.
type unindexed struct {
	query.SeriesSet
	wanted []query.SeriesRef
	buffer []model.Point
}

var _ query.SeriesSelection = (*unindexed)(nil)

// refBlock is the number of series in a block of references.
const refBlock = 4096

// Refs implements query.SeriesSelection.
func (u *unindexed) Refs() iter.Seq[[]query.SeriesRef] {
	return func(yield func([]query.SeriesRef) bool) {
		block := make([]query.SeriesRef, 0, refBlock)
		for i := range u.Len() {
			block = append(block, query.SeriesRef{Born: 1, Slot: uint32(i)})
			if len(block) < refBlock && i+1 < u.Len() {
				continue
			}
			if !yield(block) {
				return
			}
			block = block[:0]
		}
	}
}

// Load implements query.SeriesSelection.
func (u *unindexed) Load(refs []query.SeriesRef) []*model.Series {
	list := make([]*model.Series, len(refs))
	for i, ref := range refs {
		list[i] = u.Series(int(ref.Slot))
	}
	return list
}

// Want implements query.SeriesSelection.
func (u *unindexed) Want(ctx context.Context, refs []query.SeriesRef) ([]bool, error) {
	u.wanted = refs
	return u.Present(ctx, refs)
}

// Present implements query.SeriesSelection.
func (u *unindexed) Present(_ context.Context, refs []query.SeriesRef) ([]bool, error) {
	some := make([]bool, len(refs))
	for i := range some {
		some[i] = true
	}
	return some, nil
}

// Points implements query.SeriesSelection.
func (u *unindexed) Points(_ context.Context, i int, _ bool, use func(*model.Point)) (err error) {
	u.buffer, err = u.SeriesSet.Points(int(u.wanted[i].Slot), u.buffer[:0])
	if err != nil {
		return err
	}
	for j := range u.buffer {
		use(&u.buffer[j])
	}
	return nil
}
