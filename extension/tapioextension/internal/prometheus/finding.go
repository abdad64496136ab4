// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package prometheus

import (
	"context"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/query"
)

// matcherSet is the matchers of a selector, parted by what they look at.
type matcherSet struct {
	all    []*labels.Matcher
	names  []*labels.Matcher
	others []*labels.Matcher // neither names nor bounds
	bounds []*labels.Matcher // of le and quantile, which a stored series does not have
}

func splitMatchers(all []*labels.Matcher) (m matcherSet) {
	m.all = all
	for _, one := range all {
		switch one.Name {
		case nameLabel:
			m.names = append(m.names, one)
		case labels.BucketLabel, quantileLabel:
			m.bounds = append(m.bounds, one)
		default:
			m.others = append(m.others, one)
		}
	}
	return m
}

const quantileLabel = "quantile"

func matchesAll(of labels.Labels, matchers []*labels.Matcher) bool {
	for _, m := range matchers {
		if !m.Matches(of.Get(m.Name)) {
			return false
		}
	}
	return true
}

func matchesName(name string, matchers []*labels.Matcher) bool {
	for _, m := range matchers {
		if !m.Matches(name) {
			return false
		}
	}
	return true
}

// finding collects the series that a selector selects.
type finding struct {
	sel      query.SeriesSelection
	lookback time.Duration
	matchers matcherSet
	bounds   detail
	use      func(labels.Labels) // gets the labels of the series, which are not kept then; nil: they are

	families  map[*family]bool // whether one of its names matches
	info      int8             // whether target_info may: 0 is not known, 1 yes, -1 no
	refs      []query.SeriesRef
	stored    []*translated
	infos     map[*targetInfo]bool // whether it matches
	decoded   decoded
	series    []*promSeries
	byHash    map[uint64][]*promSeries
	infoParts map[*targetInfo][]int
}

// consider takes a stored series where it may be, or make, one that is selected.
func (f *finding) consider(ref query.SeriesRef, is *translated) {
	if !f.mayMatch(is) && !f.infoMatches(is.info) {
		return
	}
	f.refs, f.stored = append(f.refs, ref), append(f.stored, is)
}

func (f *finding) mayMatch(is *translated) bool {
	if f.families == nil {
		f.families = map[*family]bool{}
	}
	named, known := f.families[is.metric]
	if !known {
		named = slices.ContainsFunc(is.metric.names, func(name string) bool { return matchesName(name, f.matchers.names) })
		f.families[is.metric] = named
	}
	if !named || !matchesAll(is.base, f.matchers.others) {
		return false
	}
	return len(is.metric.names) > 1 || matchesAll(is.base, f.matchers.bounds)
}

func (f *finding) infoMatches(info *targetInfo) bool {
	if f.info == 0 {
		f.info = -1
		if matchesName(targetInfoName, f.matchers.names) {
			f.info, f.infos = 1, map[*targetInfo]bool{}
		}
	}
	if f.info < 0 || info == nil {
		return false
	}
	matches, known := f.infos[info]
	if !known {
		matches = matchesAll(info.labels, f.matchers.all)
		f.infos[info] = matches
	}
	return matches
}

// collect makes the series of those that were considered and have points in the range.
func (f *finding) collect(ctx context.Context) error {
	if len(f.refs) == 0 {
		return nil
	}
	if err := f.sel.Take(int64(len(f.refs)) * refBytes); err != nil {
		return err
	}
	locate := f.sel.Want
	if f.bounds == oneBound && !slices.ContainsFunc(f.stored, func(is *translated) bool { return is.metric.kind == model.MetricSummary }) {
		locate = f.sel.Present // only the quantiles of summaries are read from points
	}
	some, err := locate(ctx, f.refs)
	if err != nil {
		return err
	}
	f.byHash = make(map[uint64][]*promSeries, len(f.refs))
	f.infoParts = map[*targetInfo][]int{}
	f.decoded = decoded{sel: f.sel}
	for i, is := range f.stored {
		if !some[i] {
			continue
		}
		if f.infoMatches(is.info) {
			f.infoParts[is.info] = append(f.infoParts[is.info], i)
		}
		if !f.mayMatch(is) {
			continue
		}
		if err := f.expand(ctx, i, is); err != nil {
			return err
		}
	}
	for info, parts := range f.infoParts {
		for _, i := range parts {
			f.add(info.labels, part{index: i, component: componentInfo})
		}
	}
	return nil
}

// refBytes is about what a stored series takes in a query, seriesSize what one of
// Prometheus' takes.
const (
	refBytes   = 160
	seriesSize = 200
)

// expand makes the series of a stored one.
func (f *finding) expand(ctx context.Context, i int, is *translated) error {
	switch is.metric.kind {
	case model.MetricHistogram:
		return f.expandHistogram(ctx, i, is)
	case model.MetricSummary:
		return f.expandSummary(ctx, i, is)
	case model.MetricExponentialHistogram:
		f.add(is.full, part{index: i, component: componentNative, gauge: is.metric.delta, verbatim: is.metric.verbatim})
	default:
		f.add(is.full, part{index: i, component: componentNumber})
	}
	return nil
}

// expandHistogram makes _bucket, _count and _sum.
func (f *finding) expandHistogram(ctx context.Context, i int, is *translated) error {
	if matchesName(is.metric.name+"_bucket", f.matchers.names) {
		bounds, err := f.boundsOf(ctx, i)
		if err != nil {
			return err
		}
		for _, bound := range bounds {
			f.addMatching(is, "_bucket", labels.BucketLabel, bound, part{index: i, component: componentBucket, bound: bound})
		}
	}
	f.addMatching(is, "_count", "", 0, part{index: i, component: componentCount})
	f.addMatching(is, "_sum", "", 0, part{index: i, component: componentSum})
	return nil
}

func (f *finding) expandSummary(ctx context.Context, i int, is *translated) error {
	if matchesName(is.metric.name, f.matchers.names) {
		quantiles, err := f.quantilesOf(ctx, i)
		if err != nil {
			return err
		}
		for _, q := range quantiles {
			f.addMatching(is, "", quantileLabel, q, part{index: i, component: componentQuantile, bound: q})
		}
	}
	f.addMatching(is, "_count", "", 0, part{index: i, component: componentCount})
	f.addMatching(is, "_sum", "", 0, part{index: i, component: componentSum})
	return nil
}

// addMatching adds one of the series of a histogram or summary if it is selected.
func (f *finding) addMatching(is *translated, suffix, extra string, bound float64, p part) {
	name := is.metric.name + suffix
	if !matchesName(name, f.matchers.names) {
		return
	}
	text := ""
	if extra != "" {
		text = formatBound(bound)
	}
	for _, m := range f.matchers.bounds {
		if m.Name == extra && !m.Matches(text) || m.Name != extra && !m.Matches(is.base.Get(m.Name)) {
			return
		}
	}
	f.add(withLabel(is.base, name, extra, text), p)
}

// formatBound writes a bound as Prometheus' OTLP receiver does.
func formatBound(bound float64) string {
	if math.IsInf(bound, 1) {
		return "+Inf"
	}
	return strconv.FormatFloat(bound, 'f', -1, 64)
}

// add puts together what has the same labels.
func (f *finding) add(of labels.Labels, p part) {
	if f.use != nil {
		f.use(of)
		return
	}
	hash := of.Hash()
	for _, s := range f.byHash[hash] {
		if labels.Equal(s.labels, of) {
			s.more = append(s.more, p)
			return
		}
	}
	s := &promSeries{labels: of, first: p, decoded: &f.decoded, lookback: f.lookback}
	f.byHash[hash] = append(f.byHash[hash], s)
	f.series = append(f.series, s)
}

// charge takes the memory for the series and for the samples that the engine makes of
// them: one for each step.
func (f *finding) charge(hints *storage.SelectHints) error {
	steps := int64(1)
	if hints != nil && hints.Step > 0 {
		steps += max(hints.End-hints.Start, 0) / hints.Step
	}
	const sampleBytes = 16
	return f.sel.Take(int64(len(f.series)) * (seriesSize + sampleBytes*steps))
}
