// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package prometheus

import (
	"context"
	"math"
	"slices"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/util/annotations"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/query"
)

// Queryable answers PromQL from any backend. It caches the labels of series if the
// backend implements query.SeriesIndex; otherwise each query translates them again.
type Queryable struct {
	reader   query.MetricReader
	index    query.SeriesIndex // nil: the reader has none
	lookback time.Duration
	escaped  *catalog
	utf8     *catalog
}

var (
	_ storage.SampleAndChunkQueryable = (*Queryable)(nil)
	_ storage.ExemplarQueryable       = (*Queryable)(nil)
)

// Naming says which labels series get.
type Naming struct {
	// Promote lists the resource attributes that become labels of every series; "*" is
	// all of them.
	Promote []string
	// Scope makes the name and version of the instrumentation scope labels, too.
	Scope bool
}

// NewQueryable reads from a backend. Lookback is how long a sample counts.
func NewQueryable(from query.MetricReader, naming Naming, lookback time.Duration) *Queryable {
	index, _ := from.(query.SeriesIndex)
	return &Queryable{
		reader: from, index: index, lookback: lookback,
		escaped: newCatalog(translation{promote: naming.Promote, scope: naming.Scope}),
		utf8:    newCatalog(translation{promote: naming.Promote, scope: naming.Scope, utf8: true}),
	}
}

type utf8Key struct{}

// WithUTF8 returns a context in which names are not escaped.
func WithUTF8(ctx context.Context) context.Context { return context.WithValue(ctx, utf8Key{}, true) }

func (q *Queryable) catalogOf(ctx context.Context) *catalog {
	if ctx.Value(utf8Key{}) != nil {
		return q.utf8
	}
	return q.escaped
}

// Querier implements storage.Queryable.
func (q *Queryable) Querier(mint, maxt int64) (storage.Querier, error) {
	return &querier{from: q, mint: mint, maxt: maxt}, nil
}

// ChunkQuerier implements storage.ChunkQueryable.
func (q *Queryable) ChunkQuerier(mint, maxt int64) (storage.ChunkQuerier, error) {
	return chunkQuerier{querier: &querier{from: q, mint: mint, maxt: maxt}}, nil
}

// querier reads a range of time, in milliseconds, both ends included.
type querier struct {
	from       *Queryable
	mint, maxt int64
	open       []query.SeriesSelection
}

// Close implements storage.Querier.
func (q *querier) Close() error {
	for _, sel := range q.open {
		sel.Close()
	}
	q.open = nil
	return nil
}

// Select implements storage.Querier.
func (q *querier) Select(ctx context.Context, sorted bool, hints *storage.SelectHints, matchers ...*labels.Matcher) storage.SeriesSet {
	mint, maxt := q.mint, q.maxt
	if hints != nil {
		mint, maxt = hints.Start, hints.End
	}
	found, err := q.find(ctx, mint, maxt, matchers, allBounds, nil)
	if err != nil {
		return storage.ErrSeriesSet(err)
	}
	if err := found.charge(hints); err != nil {
		return storage.ErrSeriesSet(err)
	}
	if sorted {
		slices.SortFunc(found.series, func(a, b *promSeries) int { return labels.Compare(a.labels, b.labels) })
	}
	if hints != nil && hints.Limit > 0 && len(found.series) > hints.Limit {
		found.series = found.series[:hints.Limit]
	}
	return &seriesSet{series: found.series, at: -1, warnings: warningsOf(ctx)}
}

// detail is which bounds of a histogram become series.
type detail bool

const (
	allBounds detail = false
	// oneBound is that of infinity, which all have: it has the labels of the others, and
	// is known without the points.
	oneBound detail = true
)

// find returns the series that have samples in a range, or gives their labels to use.
func (q *querier) find(
	ctx context.Context, mint, maxt int64, matchers []*labels.Matcher, bounds detail, use func(labels.Labels),
) (*finding, error) {
	split := splitMatchers(matchers)
	sel, series, err := q.from.open(ctx, nanoRange(mint, maxt), split.names)
	if err != nil {
		return nil, err
	}
	q.open = append(q.open, sel)
	f := &finding{sel: sel, lookback: q.from.lookback, matchers: split, use: use}
	f.bounds = bounds && detail(len(f.matchers.bounds) == 0)
	if err := series.each(ctx, sel, f.consider); err != nil {
		return nil, err
	}
	return f, f.collect(ctx)
}

// nanoRange makes a range of the store of milliseconds, of which it has none below 0.
func nanoRange(mint, maxt int64) model.TimeRange {
	const most = math.MaxInt64/int64(time.Millisecond) - 1
	from, to := min(max(mint, 0), most), min(max(maxt, -1), most)
	return model.TimeRange{
		Start: model.Nanos(from * int64(time.Millisecond)),
		End:   max(model.Nanos((to+1)*int64(time.Millisecond)), 1),
	}
}

// LabelValues implements storage.LabelQuerier.
func (q *querier) LabelValues(
	ctx context.Context, name string, hints *storage.LabelHints, matchers ...*labels.Matcher,
) ([]string, annotations.Annotations, error) {
	return q.distinct(ctx, hints, matchers, detail(name != labels.BucketLabel), func(of labels.Labels, add func(string)) {
		if value := of.Get(name); value != "" {
			add(value)
		}
	})
}

// LabelNames implements storage.LabelQuerier.
func (q *querier) LabelNames(
	ctx context.Context, hints *storage.LabelHints, matchers ...*labels.Matcher,
) ([]string, annotations.Annotations, error) {
	return q.distinct(ctx, hints, matchers, oneBound, func(of labels.Labels, add func(string)) {
		of.Range(func(l labels.Label) { add(l.Name) })
	})
}

// distinct returns what the labels of the series have, each once and sorted.
func (q *querier) distinct(
	ctx context.Context, hints *storage.LabelHints, matchers []*labels.Matcher, bounds detail, what func(labels.Labels, func(string)),
) ([]string, annotations.Annotations, error) {
	seen := map[string]struct{}{}
	note := func(text string) { seen[text] = struct{}{} }
	if _, err := q.find(ctx, q.mint, q.maxt, matchers, bounds, func(of labels.Labels) { what(of, note) }); err != nil {
		return nil, nil, err
	}
	list := make([]string, 0, len(seen))
	for text := range seen {
		list = append(list, text)
	}
	slices.Sort(list)
	if hints != nil && hints.Limit > 0 && len(list) > hints.Limit {
		list = list[:hints.Limit]
	}
	return list, warningsOf(ctx), nil
}

// chunkQuerier encodes what a querier finds.
type chunkQuerier struct{ *querier }

// Select implements storage.ChunkQuerier.
func (q chunkQuerier) Select(ctx context.Context, sorted bool, hints *storage.SelectHints, matchers ...*labels.Matcher) storage.ChunkSeriesSet {
	return storage.NewSeriesSetToChunkSet(q.querier.Select(ctx, sorted, hints, matchers...))
}
