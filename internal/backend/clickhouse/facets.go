// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"cmp"
	"context"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/tapio/tapio/internal/model"
)

// maxFacetValues is the most values of one label that are read; the others only count
// to the label.
const maxFacetValues = 10_000

// maxFacetAnswer is how many bytes the values of all labels take in an answer.
const maxFacetAnswer = 3 << 20

// pairs is an expression for the labels of a row as pairs of name and value: those that
// are asked for, by their place in the list, or all labels and dimensions.
func (s *statement) pairs(f *source, labels []string) string {
	if len(labels) > 0 {
		var list []string
		for i, label := range labels {
			found, value := s.group(f, label)
			list = append(list, "("+strconv.Itoa(i)+", toBool("+found+"), "+text(value)+")")
		}
		return "arrayMap(t -> (toString(t.1), t.3), arrayFilter(t -> t.2, [" + strings.Join(list, ", ") + "]))"
	}
	var base, found []string
	for _, d := range f.dimensions() {
		base = append(base, "'"+d.name+"', "+text(d.value))
		found = append(found, "k = '"+d.name+"' AND NOT toBool("+d.found+")")
	}
	dimensions := "mapFilter((k, v) -> NOT (" + strings.Join(found, " OR ") + "), CAST(map(" + strings.Join(base, ", ") + "), 'Map(String, String)'))"
	return "arrayFilter(t -> t.1 != '', CAST(mapUpdate(" + dimensions + ", " + f.labels() + "), 'Array(Tuple(String, String))'))"
}

// facetTally is the values of one label.
type facetTally struct {
	label             string
	records, distinct uint64
	values            []model.LabelValue
}

// facetsOf counts the values of labels, the most frequent first: at most so many of each.
func (s *statement) facetsOf(ctx context.Context, f *source, conditions, labels []string, limit int) (total uint64, tallies []*facetTally, err error) {
	rows := f.from(s.reader) + " WHERE " + all(conditions)
	if err := s.each(ctx, "SELECT count() FROM "+rows, func(scan scanner) error { return scan(&total) }); err != nil {
		return 0, nil, err
	}
	sql := "SELECT label, value, n, sum(n) OVER (PARTITION BY label) AS records, count() OVER (PARTITION BY label) AS distinct FROM (" +
		"SELECT pair.1 AS label, pair.2 AS value, count() AS n FROM (SELECT arrayJoin(" + s.pairs(f, labels) + ") AS pair FROM " + rows + ") GROUP BY label, value)" +
		" ORDER BY records DESC, label, n DESC, value LIMIT " + s.limit(limit) + " BY label"
	err = s.each(ctx, sql, func(scan scanner) error {
		var label string
		var records, distinct uint64
		var value model.LabelValue
		if err := scan(&label, &value.Value, &value.Records, &records, &distinct); err != nil {
			return err
		}
		if n := len(tallies); n == 0 || tallies[n-1].label != label {
			tallies = append(tallies, &facetTally{label: label, records: records, distinct: distinct})
		}
		last := tallies[len(tallies)-1]
		last.values = append(last.values, value)
		return nil
	})
	return total, tallies, err
}

// inOrder returns the tallies of the labels that were asked for, once each.
func inOrder(tallies []*facetTally, labels []string) (list []*facetTally) {
	if len(labels) == 0 {
		return tallies
	}
	for i, label := range labels {
		if slices.Contains(labels[:i], label) {
			continue
		}
		tally := &facetTally{label: label}
		for _, one := range tallies {
			if one.label == strconv.Itoa(i) {
				tally = one
				tally.label = label
				break
			}
		}
		list = append(list, tally)
	}
	return list
}

// GetFacets implements query.Discoverer.
func (r *Reader) GetFacets(ctx context.Context, q model.FacetQuery) (answer model.Facets, err error) {
	s, err := r.begin(ctx)
	if err != nil {
		return answer, err
	}
	f, conditions, err := s.records(&q.Selection)
	if err != nil || !s.schema.exists(f.table) {
		return answer, err
	}
	total, tallies, err := s.facetsOf(ctx, f, conditions, q.Labels, max(q.Limit, 1))
	if err != nil {
		return answer, err
	}
	answer.Total, answer.Examined = total, total
	bytes := 0
	tallies = inOrder(tallies, q.Labels)
	for _, tally := range tallies[:min(len(tallies), max(q.MaxLabels, 1))] {
		facet := model.Facet{Label: tally.label, Records: tally.records, Distinct: tally.distinct, Values: tally.values}
		for i := range facet.Values {
			if bytes += itemBytes + len(facet.Values[i].Value); bytes > maxFacetAnswer && i > 0 {
				facet.Values, facet.Estimated = facet.Values[:i], true
				break
			}
		}
		answer.Facets = append(answer.Facets, facet)
	}
	return answer, nil
}

// CompareAttributes implements query.Discoverer.
func (r *Reader) CompareAttributes(ctx context.Context, q model.CompareQuery) (answer model.Comparison, err error) {
	if q.Selection.Signal != q.Baseline.Signal {
		return answer, model.InvalidField("baseline", "must be of the signal of the selection")
	}
	s, err := r.begin(ctx)
	if err != nil {
		return answer, err
	}
	f, selected, err := s.records(&q.Selection)
	if err != nil || !s.schema.exists(f.table) {
		return answer, err
	}
	_, baseline, err := s.records(&q.Baseline)
	if err != nil {
		return answer, err
	}
	baseline = append(baseline, "NOT ("+all(selected)+")")
	var parts [2][]*facetTally
	if answer.SelectionRecords, parts[0], err = s.facetsOf(ctx, f, selected, q.Labels, maxFacetValues); err != nil {
		return model.Comparison{}, err
	}
	if answer.BaselineRecords, parts[1], err = s.facetsOf(ctx, f, baseline, q.Labels, maxFacetValues); err != nil {
		return model.Comparison{}, err
	}
	answer.Differences = differences(&answer, inOrder(parts[0], q.Labels), inOrder(parts[1], q.Labels))
	if !q.Equal {
		answer.Differences = slices.DeleteFunc(answer.Differences, func(d model.AttributeDifference) bool { return d.Divergence == 0 })
	}
	slices.SortFunc(answer.Differences, func(a, b model.AttributeDifference) int {
		return cmp.Or(
			cmp.Compare(math.Abs(b.Divergence), math.Abs(a.Divergence)), cmp.Compare(b.Divergence, a.Divergence),
			cmp.Compare(b.SelectionCount+b.BaselineCount, a.SelectionCount+a.BaselineCount),
			cmp.Compare(a.Label, b.Label), cmp.Compare(a.Value, b.Value),
		)
	})
	answer.Differences = slices.Clip(answer.Differences[:min(len(answer.Differences), max(q.Limit, 1))])
	return answer, nil
}

// differences puts the values of both parts together.
func differences(of *model.Comparison, selection, baseline []*facetTally) []model.AttributeDifference {
	type key struct{ label, value string }
	found := map[key]*model.AttributeDifference{}
	get := func(label, value string) *model.AttributeDifference {
		d := found[key{label, value}]
		if d == nil {
			d = &model.AttributeDifference{Label: label, Value: value}
			found[key{label, value}] = d
		}
		return d
	}
	for _, tally := range selection {
		for _, v := range tally.values {
			get(tally.label, v.Value).SelectionCount = v.Records
		}
	}
	for _, tally := range baseline {
		for _, v := range tally.values {
			get(tally.label, v.Value).BaselineCount = v.Records
		}
	}
	list := make([]model.AttributeDifference, 0, len(found))
	for _, d := range found {
		d.SelectionShare, d.BaselineShare = share(d.SelectionCount, of.SelectionRecords), share(d.BaselineCount, of.BaselineRecords)
		d.Divergence = d.SelectionShare - d.BaselineShare
		list = append(list, *d)
	}
	return list
}

func share(n, of uint64) float64 {
	if of == 0 {
		return 0
	}
	return float64(n) / float64(of)
}
