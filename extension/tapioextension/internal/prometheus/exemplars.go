// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package prometheus

import (
	"cmp"
	"context"
	"encoding/hex"
	"math"
	"slices"
	"sort"
	"time"
	"unicode/utf8"

	"github.com/prometheus/prometheus/model/exemplar"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"

	"github.com/tapio/tapio/internal/model"
)

// ExemplarQuerier implements storage.ExemplarQueryable.
func (q *Queryable) ExemplarQuerier(ctx context.Context) (storage.ExemplarQuerier, error) {
	return &exemplarQuerier{ctx: ctx, from: q}, nil
}

// exemplarQuerier keeps the context, for its interface has none.
type exemplarQuerier struct {
	ctx  context.Context
	from *Queryable
}

// Select implements storage.ExemplarQuerier. Exemplars of a histogram belong to the bucket
// that their value falls into.
func (e *exemplarQuerier) Select(start, end int64, sets ...[]*labels.Matcher) ([]exemplar.QueryResult, error) {
	found := &exemplarsFound{bySeries: map[uint64][]int{}}
	for _, matchers := range sets {
		if err := e.one(start, end, matchers, found); err != nil {
			return nil, err
		}
	}
	return found.sorted(), nil
}

func (e *exemplarQuerier) one(start, end int64, matchers []*labels.Matcher, into *exemplarsFound) error {
	q := &querier{from: e.from, mint: start, maxt: end}
	defer func() { _ = q.Close() }() // gives back memory, and cannot fail
	found, err := q.find(e.ctx, start, end, matchers, allBounds, nil)
	if err != nil {
		return err
	}
	for _, s := range found.series {
		for _, p := range append([]part{s.first}, s.more...) {
			if err := e.ofPart(found, s.labels, p, start, end, into); err != nil {
				return err
			}
		}
	}
	return nil
}

func (e *exemplarQuerier) ofPart(found *finding, of labels.Labels, p part, start, end int64, into *exemplarsFound) error {
	switch p.component {
	case componentNumber, componentBucket, componentNative:
	default:
		return nil
	}
	var failed error
	err := found.sel.Points(e.ctx, p.index, true, func(point *model.Point) {
		for i := range point.Exemplars {
			made := exemplarOf(&point.Exemplars[i], point.Time)
			if made.Ts < start || made.Ts > end || p.component == componentBucket && !inBucket(point.Histogram, p.bound, made.Value) {
				continue
			}
			failed = cmp.Or(failed, found.sel.Take(int64(len(made.Labels.String()))+seriesSize))
			if failed == nil {
				into.add(of, made)
			}
		}
	})
	return cmp.Or(err, failed)
}

// inBucket reports whether the bound is the least that is not below the value.
func inBucket(h *model.Histogram, bound, value float64) bool {
	if h == nil || value > bound {
		return false
	}
	at := sort.SearchFloat64s(h.Bounds, value)
	if at == len(h.Bounds) {
		return math.IsInf(bound, 1)
	}
	return h.Bounds[at] == bound
}

// maxExemplarRunes is what the labels of an exemplar may have.
const maxExemplarRunes = exemplar.ExemplarMaxLabelSetLength

// exemplarOf puts the ids first, and leaves out attributes that do not fit behind them.
func exemplarOf(e *model.Exemplar, at model.Nanos) exemplar.Exemplar {
	values := map[string]string{}
	left := maxExemplarRunes
	put := func(name, text string) {
		if n := utf8.RuneCountInString(name) + utf8.RuneCountInString(text); text != "" && n <= left {
			values[name] = text
			left -= n
		}
	}
	if !e.TraceID.IsZero() {
		put("trace_id", hex.EncodeToString(e.TraceID[:]))
	}
	if e.SpanID != (model.SpanID{}) {
		put("span_id", hex.EncodeToString(e.SpanID[:]))
	}
	for i := range e.Attributes {
		if _, taken := values[e.Attributes[i].Key]; !taken {
			put(e.Attributes[i].Key, e.Attributes[i].Value.Text())
		}
	}
	if e.Time != 0 {
		at = e.Time
	}
	number := model.Point{Bits: e.Bits, Number: e.Number}
	return exemplar.Exemplar{Labels: fromMap(values), Value: number.Float(), Ts: int64(at / model.Nanos(time.Millisecond)), HasTs: true}
}

// exemplarsFound is the exemplars by series, each once.
type exemplarsFound struct {
	results  []exemplar.QueryResult
	bySeries map[uint64][]int
}

func (f *exemplarsFound) add(of labels.Labels, e exemplar.Exemplar) {
	hash := of.Hash()
	for _, i := range f.bySeries[hash] {
		r := &f.results[i]
		if !labels.Equal(r.SeriesLabels, of) {
			continue
		}
		if !slices.ContainsFunc(r.Exemplars, func(known exemplar.Exemplar) bool { return known.Equals(e) }) {
			r.Exemplars = append(r.Exemplars, e)
		}
		return
	}
	f.bySeries[hash] = append(f.bySeries[hash], len(f.results))
	f.results = append(f.results, exemplar.QueryResult{SeriesLabels: of, Exemplars: []exemplar.Exemplar{e}})
}

func (f *exemplarsFound) sorted() []exemplar.QueryResult {
	for i := range f.results {
		slices.SortStableFunc(f.results[i].Exemplars, func(a, b exemplar.Exemplar) int { return cmp.Compare(a.Ts, b.Ts) })
	}
	slices.SortFunc(f.results, func(a, b exemplar.QueryResult) int { return labels.Compare(a.SeriesLabels, b.SeriesLabels) })
	return f.results
}
