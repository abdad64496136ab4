// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package elasticsearch

import (
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"math"
	"slices"
	"strconv"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/query"
)

const (
	// maxValues is how many values of one field are read, and maxBuckets of all fields
	// together: the server returns at most 65,535.
	maxValues, maxBuckets = 1000, 50_000
	// maxFacetAnswer is how many bytes the values of all labels take in an answer.
	maxFacetAnswer = 3 << 20
)

// facetTally is the values of one label.
type facetTally struct {
	label   string
	records uint64
	values  map[string]uint64
	partial bool // there are more values
}

// GetFacets implements query.Discoverer.
func (r *Reader) GetFacets(ctx context.Context, q model.FacetQuery) (answer model.Facets, err error) {
	events, ok, err := r.logs(ctx, &q.Selection)
	if err != nil || !ok {
		return answer, err
	}
	known, err := r.learn(ctx)
	if err != nil {
		return answer, err
	}
	selects, labels := known.events(&events), unique(q.Labels)
	if !selects.exact || !known.groupsBy(labels) {
		return fromRecords(ctx, r, func(from query.Reader) (model.Facets, error) { return from.GetFacets(ctx, q) }, events)
	}
	if len(labels) == 0 {
		if labels, answer.Total, err = r.frequent(ctx, known, selects, max(q.MaxLabels, 1)); err != nil {
			return model.Facets{}, err
		}
	}
	tallies, total, err := r.tally(ctx, known, selects, labels[:min(len(labels), max(q.MaxLabels, 1))])
	if err != nil {
		return model.Facets{}, err
	}
	answer.Total, answer.Examined = total, total
	bytes := 0
	for _, tally := range tallies {
		answer.Facets = append(answer.Facets, tally.facet(max(q.Limit, 1), &bytes))
	}
	return answer, nil
}

func unique(labels []string) (list []string) {
	for _, label := range labels {
		if !slices.Contains(list, label) {
			list = append(list, label)
		}
	}
	return list
}

// groupsBy reports whether the server groups by all labels as this process does.
func (m *mapping) groupsBy(labels []string) bool {
	return !slices.ContainsFunc(labels, func(label string) bool {
		_, native := m.groupOf(label)
		return !native
	})
}

// frequent returns the labels and dimensions that the most records have, of those that the
// server groups by, and the number of records.
func (r *Reader) frequent(ctx context.Context, known *mapping, selects condition, limit int) (labels []string, total uint64, err error) {
	names := slices.DeleteFunc(known.labels(), func(name string) bool { return !known.groupsBy([]string{name}) })
	counts, total, err := r.counts(ctx, selects, append(known.having(names), exists(nameField)))
	if err != nil {
		return nil, 0, err
	}
	all := map[string]uint64{model.DimensionSeverity: total, model.DimensionName: counts[len(names)]}
	for i, name := range names {
		all[name] = max(all[name], counts[i])
	}
	maps.DeleteFunc(all, func(_ string, n uint64) bool { return n == 0 })
	labels = slices.SortedFunc(maps.Keys(all), func(a, b string) int { return cmp.Or(cmp.Compare(all[b], all[a]), cmp.Compare(a, b)) })
	return labels[:min(len(labels), limit)], total, nil
}

// tally counts the values of labels in one request, but for those of severities.
func (r *Reader) tally(ctx context.Context, known *mapping, selects condition, labels []string) (tallies []*facetTally, total uint64, err error) {
	aggregations, fields := object{}, 0
	groups := make([]grouping, len(labels))
	for i, label := range labels {
		groups[i], _ = known.groupOf(label)
		fields += len(groups[i].fields)
	}
	size := max(min(maxValues, maxBuckets/max(fields, 1)), 1)
	for i := range labels {
		tallies = append(tallies, &facetTally{label: labels[i], values: map[string]uint64{}})
		if groups[i].severity {
			if err := r.tallySeverities(ctx, selects, &groups[i], tallies[i]); err != nil {
				return nil, 0, err
			}
			continue
		}
		var before []condition
		for j, f := range groups[i].fields {
			aggregations["f"+strconv.Itoa(i)+"_"+strconv.Itoa(j)] = object{
				"filter": all(append(before, has(f))...).clause, "aggregations": object{"values": object{"terms": object{"field": f.path, "size": size}}},
			}
			before = append(before[:len(before):len(before)], not(has(f)))
		}
	}
	answer, err := r.search(ctx, &searchBody{Query: selects.clause, TrackTotalHits: true, Aggregations: aggregations})
	if err != nil {
		return nil, 0, err
	}
	for i := range labels {
		for j := range groups[i].fields {
			if raw := answer.Aggregations["f"+strconv.Itoa(i)+"_"+strconv.Itoa(j)]; len(raw) > 0 {
				if err := tallies[i].add(raw); err != nil {
					return nil, 0, err
				}
			}
		}
	}
	return tallies, answer.Hits.Total.Value, nil
}

// tallySeverities counts severities, which records have in two fields.
func (r *Reader) tallySeverities(ctx context.Context, selects condition, group *grouping, tally *facetTally) error {
	return r.combinations(ctx, selects, group.sources("v"), nil, func(c *combination) error {
		value, _ := group.value(c.keys("v", group))
		tally.records += c.Count
		tally.values[value] += c.Count
		return nil
	})
}

// add adds the values of one field.
func (t *facetTally) add(raw json.RawMessage) error {
	var counted struct {
		Count  uint64 `json:"doc_count"`
		Values struct {
			Other   uint64 `json:"sum_other_doc_count"`
			Error   int64  `json:"doc_count_error_upper_bound"`
			Buckets []struct {
				Key   json.RawMessage
				Text  *string `json:"key_as_string"`
				Count uint64  `json:"doc_count"`
			}
		}
	}
	if err := json.Unmarshal(raw, &counted); err != nil {
		return unexpected(err)
	}
	t.records += counted.Count
	t.partial = t.partial || counted.Values.Other > 0 || counted.Values.Error != 0
	for _, bucket := range counted.Values.Buckets {
		value, found := textOf(bucket.Key)
		if bucket.Text != nil && (*bucket.Text == "true" || *bucket.Text == "false") {
			value = *bucket.Text
		}
		if found {
			t.values[value] += bucket.Count
		}
	}
	return nil
}

// facet returns the most frequent values. Bytes counts those of the whole answer.
func (t *facetTally) facet(limit int, bytes *int) model.Facet {
	facet := model.Facet{Label: t.label, Records: t.records, Distinct: uint64(len(t.values)), Estimated: t.partial}
	for value, n := range t.values {
		facet.Values = append(facet.Values, model.LabelValue{Value: value, Records: n})
	}
	slices.SortFunc(facet.Values, func(a, b model.LabelValue) int {
		return cmp.Or(cmp.Compare(b.Records, a.Records), cmp.Compare(a.Value, b.Value))
	})
	facet.Values = facet.Values[:min(len(facet.Values), limit)]
	for i := range facet.Values {
		if *bytes += itemBytes + len(facet.Values[i].Value); *bytes > maxFacetAnswer && i > 0 {
			facet.Values, facet.Estimated = facet.Values[:i], true
			break
		}
	}
	return facet
}

// CompareAttributes implements query.Discoverer.
func (r *Reader) CompareAttributes(ctx context.Context, q model.CompareQuery) (answer model.Comparison, err error) {
	if q.Selection.Signal != q.Baseline.Signal {
		return answer, model.InvalidField("baseline", "must be of the signal of the selection")
	}
	selection, ok, err := r.logs(ctx, &q.Selection)
	if err != nil || !ok {
		return answer, err
	}
	known, err := r.learn(ctx)
	if err != nil {
		return answer, err
	}
	baseline := q.Baseline.Events()
	selected, others, labels := known.events(&selection), known.events(&baseline), unique(q.Labels)
	if !selected.exact || !others.exact || !known.groupsBy(labels) {
		return fromRecords(ctx, r, func(from query.Reader) (model.Comparison, error) { return from.CompareAttributes(ctx, q) }, selection, baseline)
	}
	if len(labels) == 0 {
		if labels, _, err = r.frequent(ctx, known, others, maxCompared); err != nil {
			return answer, err
		}
	}
	var parts [2][]*facetTally
	if parts[0], answer.SelectionRecords, err = r.tally(ctx, known, selected, labels); err != nil {
		return model.Comparison{}, err
	}
	if parts[1], answer.BaselineRecords, err = r.tally(ctx, known, all(others, not(selected)), labels); err != nil {
		return model.Comparison{}, err
	}
	differ(&answer, parts, &q)
	return answer, nil
}

// maxCompared is how many labels are compared if the query names none.
const maxCompared = 200

// differ puts the values of both parts together.
func differ(answer *model.Comparison, parts [2][]*facetTally, q *model.CompareQuery) {
	for i, selection := range parts[0] {
		baseline := parts[1][i]
		answer.Estimated = answer.Estimated || selection.partial || baseline.partial
		values := maps.Clone(selection.values)
		maps.Copy(values, baseline.values)
		for value := range values {
			d := model.AttributeDifference{Label: selection.label, Value: value, SelectionCount: selection.values[value], BaselineCount: baseline.values[value]}
			d.SelectionShare, d.BaselineShare = share(d.SelectionCount, answer.SelectionRecords), share(d.BaselineCount, answer.BaselineRecords)
			if d.Divergence = d.SelectionShare - d.BaselineShare; d.Divergence != 0 || q.Equal {
				answer.Differences = append(answer.Differences, d)
			}
		}
	}
	slices.SortFunc(answer.Differences, func(a, b model.AttributeDifference) int {
		return cmp.Or(
			cmp.Compare(math.Abs(b.Divergence), math.Abs(a.Divergence)), cmp.Compare(b.Divergence, a.Divergence),
			cmp.Compare(b.SelectionCount+b.BaselineCount, a.SelectionCount+a.BaselineCount),
			cmp.Compare(a.Label, b.Label), cmp.Compare(a.Value, b.Value),
		)
	})
	answer.Differences = slices.Clip(answer.Differences[:min(len(answer.Differences), max(q.Limit, 1))])
}

func share(n, of uint64) float64 {
	if of == 0 {
		return 0
	}
	return float64(n) / float64(of)
}
