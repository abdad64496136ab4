// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/store/budget"
	"github.com/tapio/tapio/internal/store/intern"
)

// maxFacetValues is how many different values of one label are counted; the
// others only count to the label.
const maxFacetValues = 10_000

// maxFacetAnswer is how many bytes the values of all labels take in an answer, so
// that it fits one message; each label has at least one.
const maxFacetAnswer = 3 << 20

// facetTally counts the values of one label.
type facetTally struct {
	label   string
	key     model.LabelKey
	records uint64
	values  map[string]uint64
	full    bool // values were left out
}

// facetTallies counts the values of many labels.
type facetTallies struct {
	account *budget.Account
	asked   []*facetTally // nil: all labels
	byName  map[string]*facetTally
	most    int // values of one label
	total   uint64
	// examined counts the records that were looked at; fewer than total where it is
	// extrapolated.
	examined  uint64
	estimated bool
}

func newFacetTallies(labels []string, a *budget.Account) (*facetTallies, error) {
	t := &facetTallies{account: a, byName: map[string]*facetTally{}, most: maxFacetValues}
	for _, label := range labels {
		tally, err := t.label(label)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(t.asked, tally) {
			t.asked = append(t.asked, tally)
		}
	}
	return t, nil
}

func (t *facetTallies) label(name string) (*facetTally, error) {
	tally, known := t.byName[name]
	if known {
		return tally, nil
	}
	if err := t.account.Take(tallyBytes + int64(len(name))); err != nil {
		return nil, err
	}
	name = strings.Clone(name)
	tally = &facetTally{label: name, key: model.NewLabelKey(name), values: map[string]uint64{}}
	t.byName[name] = tally
	return tally, nil
}

// count adds n records with a value.
func (t *facetTallies) count(tally *facetTally, value string, n uint64) error {
	tally.records += n
	if _, known := tally.values[value]; !known {
		if len(tally.values) >= t.most {
			tally.full = true
			return nil
		}
		if err := t.account.Take(intern.InternBytes + int64(len(value))); err != nil {
			return err
		}
		value = strings.Clone(value) // the row goes
	}
	tally.values[value] += n
	return nil
}

// addWeighed counts the labels of a record that stands for n.
func addWeighed[R any](t *facetTallies, of *facts[R], r *R, n uint64) error {
	t.total += n
	t.examined++
	if t.asked != nil {
		for _, tally := range t.asked {
			if value, found := of.of(r, tally.key); found {
				if err := t.count(tally, value, n); err != nil {
					return err
				}
			}
		}
		return nil
	}
	var err error
	use := func(name, value string) {
		if err != nil {
			return
		}
		var tally *facetTally
		if tally, err = t.label(name); err == nil {
			err = t.count(tally, value, n)
		}
	}
	labels := of.labels(r)
	eachLabel(labels, func(name string, value model.Value) { use(name, value.Text()) })
	for _, name := range of.dimensions {
		if _, isLabel := labels.Attribute(name); isLabel {
			continue
		}
		if value, found := of.dimension(r, name); found {
			use(dimensionMark+name, value)
		}
	}
	return err
}

// GetFacets implements query.Discoverer.
func (s *Store) GetFacets(ctx context.Context, q model.FacetQuery) (model.Facets, error) {
	a := s.budget.Account(ctx)
	defer a.Close()
	t, err := newFacetTallies(q.Labels, a)
	if err != nil {
		return model.Facets{}, err
	}
	switch q.Selection.Signal {
	case model.SignalLogs:
		err = facetRows(ctx, t, s.scanEvents(q.Selection.Events(), a), eventFacts())
	case model.SignalTraces:
		err = facetRows(ctx, t, s.scanSpans(q.Selection.Spans(), a), spanFacts())
	default:
		err = wrongSignal(q.Selection.Signal)
	}
	if err != nil {
		return model.Facets{}, err
	}
	return t.result(&q), nil
}

// maxFacetBlocks is how many blocks of segments are looked at before a sample of
// them is.
const maxFacetBlocks = 256

func facetRows[R any](ctx context.Context, t *facetTallies, rows scan[R], of facts[R]) error {
	merge := func(known *summary) (bool, error) { return t.merge(&known.labels) }
	sampled, err := rows.eachSampled(ctx, maxFacetBlocks, merge, func(r *R, n uint64) error { return addWeighed(t, &of, r, n) })
	t.estimated = t.estimated || sampled
	return err
}

func (t *facetTallies) result(q *model.FacetQuery) model.Facets {
	tallies := t.asked
	if tallies == nil {
		t.joinDimensions()
		for _, tally := range t.byName {
			tallies = append(tallies, tally)
		}
		slices.SortFunc(tallies, func(a, b *facetTally) int {
			return cmp.Or(cmp.Compare(b.records, a.records), cmp.Compare(a.label, b.label))
		})
	}
	answer := model.Facets{Total: t.total, Examined: t.examined, Estimated: t.estimated}
	bytes := 0
	for _, tally := range tallies[:min(len(tallies), max(q.MaxLabels, 1))] {
		f := tally.result(q.Limit)
		for i := range f.Values {
			if bytes += itemBytes + len(f.Values[i].Value); bytes > maxFacetAnswer && i > 0 {
				f.Values, f.Estimated = f.Values[:i], true
				break
			}
		}
		answer.Facets = append(answer.Facets, f)
	}
	return answer
}

// joinDimensions adds what was counted of dimensions to the labels of their names.
func (t *facetTallies) joinDimensions() {
	for name, from := range t.byName {
		plain, is := strings.CutPrefix(name, dimensionMark)
		if !is {
			continue
		}
		to := t.byName[plain]
		delete(t.byName, name)
		if to == nil {
			from.label = plain
			t.byName[plain] = from
			continue
		}
		to.records += from.records
		to.full = to.full || from.full
		for value, n := range from.values {
			to.values[value] += n
		}
	}
}

func (t *facetTally) result(limit int) model.Facet {
	f := model.Facet{Label: t.label, Records: t.records, Distinct: uint64(len(t.values)), Estimated: t.full}
	for value, n := range t.values {
		f.Values = append(f.Values, model.LabelValue{Value: value, Records: n})
	}
	slices.SortFunc(f.Values, func(a, b model.LabelValue) int {
		return cmp.Or(cmp.Compare(b.Records, a.Records), cmp.Compare(a.Value, b.Value))
	})
	f.Values = slices.Clip(f.Values[:min(len(f.Values), max(limit, 1))])
	return f
}
