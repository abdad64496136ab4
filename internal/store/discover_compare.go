// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"cmp"
	"context"
	"math"
	"slices"

	"github.com/tapio/tapio/internal/model"
)

// CompareAttributes implements query.Discoverer.
func (s *Store) CompareAttributes(ctx context.Context, q model.CompareQuery) (model.Comparison, error) {
	if q.Selection.Signal != q.Baseline.Signal {
		return model.Comparison{}, model.InvalidField("baseline", "must be of the signal of the selection")
	}
	a := s.budget.Account(ctx)
	defer a.Close()
	c := comparison{}
	var err error
	if c.selection, err = newFacetTallies(q.Labels, a); err != nil {
		return model.Comparison{}, err
	}
	if c.baseline, err = newFacetTallies(q.Labels, a); err != nil {
		return model.Comparison{}, err
	}
	switch q.Selection.Signal {
	case model.SignalLogs:
		selection := q.Selection.Events()
		err = compareRows(ctx, &c, s.scanEvents(selection, a), s.scanEvents(q.Baseline.Events(), a), eventFacts())
	case model.SignalTraces:
		err = compareRows(ctx, &c, s.scanSpans(q.Selection.Spans(), a), s.scanSpans(q.Baseline.Spans(), a), spanFacts())
	default:
		err = wrongSignal(q.Selection.Signal)
	}
	if err != nil {
		return model.Comparison{}, err
	}
	return c.result(q.Limit, q.Equal), nil
}

// comparison counts the values of a selection and of its baseline.
type comparison struct{ selection, baseline *facetTallies }

func compareRows[R any](ctx context.Context, c *comparison, selection, baseline scan[R], of facts[R]) error {
	if err := facetRows(ctx, c.selection, selection, of); err != nil {
		return err
	}
	selected := selection.matcher()
	none := func(*summary) (bool, error) { return false, nil }
	sampled, err := baseline.eachSampled(ctx, maxFacetBlocks, none, func(r *R, n uint64) error {
		if selected(r) {
			return nil
		}
		return addWeighed(c.baseline, &of, r, n)
	})
	c.baseline.estimated = sampled
	return err
}

func (c *comparison) result(limit int, equal bool) model.Comparison {
	c.selection.joinDimensions()
	c.baseline.joinDimensions()
	answer := model.Comparison{
		Estimated: c.selection.estimated || c.baseline.estimated, SelectionRecords: c.selection.total, BaselineRecords: c.baseline.total,
	}
	for label, selected := range c.selection.byName {
		base := c.baseline.byName[label]
		for value, n := range selected.values {
			var other uint64
			if base != nil {
				other = base.values[value]
			}
			answer.Differences = append(answer.Differences, c.difference(label, value, n, other))
		}
	}
	for label, base := range c.baseline.byName {
		selected := c.selection.byName[label]
		for value, n := range base.values {
			if selected == nil || selected.values[value] == 0 {
				answer.Differences = append(answer.Differences, c.difference(label, value, 0, n))
			}
		}
	}
	answer.Differences = slices.DeleteFunc(answer.Differences, func(d model.AttributeDifference) bool { return d.Divergence == 0 && !equal })
	slices.SortFunc(answer.Differences, compareDifferences)
	answer.Differences = slices.Clip(answer.Differences[:min(len(answer.Differences), max(limit, 1))])
	return answer
}

// compareDifferences puts those first by which the parts differ most; of equal ones
// those that are more frequent in the selection.
func compareDifferences(a, b model.AttributeDifference) int {
	return cmp.Or(
		cmp.Compare(math.Abs(b.Divergence), math.Abs(a.Divergence)), cmp.Compare(b.Divergence, a.Divergence),
		cmp.Compare(b.SelectionCount+b.BaselineCount, a.SelectionCount+a.BaselineCount),
		cmp.Compare(a.Label, b.Label), cmp.Compare(a.Value, b.Value),
	)
}

func (c *comparison) difference(label, value string, selected, base uint64) model.AttributeDifference {
	d := model.AttributeDifference{
		Label: label, Value: value, SelectionCount: selected, BaselineCount: base,
		SelectionShare: share(selected, c.selection.total), BaselineShare: share(base, c.baseline.total),
	}
	d.Divergence = d.SelectionShare - d.BaselineShare
	return d
}

func share(n, of uint64) float64 {
	if of == 0 {
		return 0
	}
	return float64(n) / float64(of)
}
