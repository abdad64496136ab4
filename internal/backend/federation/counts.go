// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package federation

import (
	"cmp"
	"context"
	"maps"
	"math"
	"slices"

	"github.com/tapio/tapio/internal/model"
)

// mostItems is the most groups, values and differences that a member is asked for.
const mostItems = 1_000

// CountRecords implements query.Discoverer.
func (r *Reader) CountRecords(ctx context.Context, q model.CountQuery) (model.Counts, error) {
	answers, err := ask(ctx, r, func(ctx context.Context, m *member) (model.Counts, error) {
		one := q
		one.Limit = mostItems
		return m.Reader.CountRecords(ctx, one)
	})
	if err != nil {
		return model.Counts{}, err
	}
	sum := counter{groups: map[string]map[model.Nanos]uint64{}, others: map[model.Nanos]uint64{}, buckets: map[model.Nanos]bool{}}
	for _, a := range answers {
		sum.total += a.value.Total
		for i := range a.value.Groups {
			if sum.add(&a.value.Groups[i]); a.value.Groups[i].Others {
				incomplete(ctx, a.member, "has more than %d groups: the smallest of them are counted as others", mostItems)
			}
		}
	}
	if len(sum.buckets) > model.MaxCountBuckets {
		return model.Counts{}, model.InvalidField("resolution", "%v makes more than %d buckets with records: give a coarser one, or a shorter time range",
			q.Resolution, model.MaxCountBuckets)
	}
	return sum.result(max(q.Limit, 1)), nil
}

// counter adds the counts of members up.
type counter struct {
	total   uint64
	groups  map[string]map[model.Nanos]uint64
	others  map[model.Nanos]uint64
	buckets map[model.Nanos]bool
}

func (c *counter) add(g *model.CountGroup) {
	to := c.others
	if !g.Others {
		if to = c.groups[g.Value]; to == nil {
			to = map[model.Nanos]uint64{}
			c.groups[g.Value] = to
		}
	}
	for _, b := range g.Counts {
		to[b.Start] += b.Count
		c.buckets[b.Start] = true
	}
}

func (c *counter) result(limit int) model.Counts {
	answer := model.Counts{Total: c.total}
	for value, buckets := range c.groups {
		answer.Groups = append(answer.Groups, groupOf(value, buckets))
	}
	slices.SortFunc(answer.Groups, func(a, b model.CountGroup) int {
		return cmp.Or(cmp.Compare(b.Total, a.Total), cmp.Compare(a.Value, b.Value))
	})
	if len(answer.Groups) > limit {
		for _, g := range answer.Groups[limit:] {
			for _, b := range g.Counts {
				c.others[b.Start] += b.Count
			}
		}
		answer.Groups = answer.Groups[:limit:limit]
	}
	if len(c.others) > 0 {
		others := groupOf("", c.others)
		others.Others = true
		answer.Groups = append(answer.Groups, others)
	}
	return answer
}

func groupOf(value string, buckets map[model.Nanos]uint64) model.CountGroup {
	g := model.CountGroup{Value: value, Counts: make([]model.CountBucket, 0, len(buckets))}
	for _, start := range slices.Sorted(maps.Keys(buckets)) {
		g.Total += buckets[start]
		g.Counts = append(g.Counts, model.CountBucket{Start: start, Count: buckets[start]})
	}
	return g
}

// GetFacets implements query.Discoverer.
func (r *Reader) GetFacets(ctx context.Context, q model.FacetQuery) (model.Facets, error) {
	answers, err := ask(ctx, r, func(ctx context.Context, m *member) (model.Facets, error) {
		one := q
		one.Limit, one.MaxLabels = mostItems, mostItems
		return m.Reader.GetFacets(ctx, one)
	})
	if err != nil {
		return model.Facets{}, err
	}
	sum, labels := model.Facets{}, map[string]*facet{}
	var order []string
	for _, a := range answers {
		sum.Total += a.value.Total
		sum.Examined += a.value.Examined
		sum.Estimated = sum.Estimated || a.value.Estimated
		for i := range a.value.Facets {
			from := &a.value.Facets[i]
			if labels[from.Label] == nil {
				labels[from.Label] = &facet{label: from.Label, values: map[string]uint64{}}
				order = append(order, from.Label)
			}
			labels[from.Label].add(from)
		}
	}
	if len(q.Labels) == 0 {
		slices.SortFunc(order, func(a, b string) int {
			return cmp.Or(cmp.Compare(labels[b].records, labels[a].records), cmp.Compare(a, b))
		})
	}
	for _, label := range order[:min(len(order), max(q.MaxLabels, 1))] {
		sum.Facets = append(sum.Facets, labels[label].result(max(q.Limit, 1)))
	}
	return sum, nil
}

// facet adds the values of one label up.
type facet struct {
	label     string
	records   uint64
	distinct  uint64 // most of one member
	values    map[string]uint64
	estimated bool
}

func (f *facet) add(from *model.Facet) {
	f.records += from.Records
	f.distinct = max(f.distinct, from.Distinct)
	f.estimated = f.estimated || from.Estimated || uint64(len(from.Values)) < from.Distinct
	for _, v := range from.Values {
		f.values[v.Value] += v.Records
	}
}

func (f *facet) result(limit int) model.Facet {
	out := model.Facet{Label: f.label, Records: f.records, Distinct: max(f.distinct, uint64(len(f.values))), Estimated: f.estimated}
	for value, n := range f.values {
		out.Values = append(out.Values, model.LabelValue{Value: value, Records: n})
	}
	slices.SortFunc(out.Values, func(a, b model.LabelValue) int {
		return cmp.Or(cmp.Compare(b.Records, a.Records), cmp.Compare(a.Value, b.Value))
	})
	out.Values = slices.Clip(out.Values[:min(len(out.Values), limit)])
	return out
}

// CompareAttributes implements query.Discoverer. Members return equal shares too, for
// what is equal in one need not be so in all.
func (r *Reader) CompareAttributes(ctx context.Context, q model.CompareQuery) (model.Comparison, error) {
	answers, err := ask(ctx, r, func(ctx context.Context, m *member) (model.Comparison, error) {
		one := q
		one.Limit, one.Equal = mostItems, true
		return m.Reader.CompareAttributes(ctx, one)
	})
	if err != nil {
		return model.Comparison{}, err
	}
	type value struct{ label, value string }
	sum, values := model.Comparison{}, map[value]*model.AttributeDifference{}
	for _, a := range answers {
		sum.SelectionRecords += a.value.SelectionRecords
		sum.BaselineRecords += a.value.BaselineRecords
		sum.Estimated = sum.Estimated || a.value.Estimated || len(a.value.Differences) >= mostItems
		for _, d := range a.value.Differences {
			known := values[value{d.Label, d.Value}]
			if known == nil {
				known = &model.AttributeDifference{Label: d.Label, Value: d.Value}
				values[value{d.Label, d.Value}] = known
			}
			known.SelectionCount += d.SelectionCount
			known.BaselineCount += d.BaselineCount
		}
	}
	for _, d := range values {
		d.SelectionShare, d.BaselineShare = share(d.SelectionCount, sum.SelectionRecords), share(d.BaselineCount, sum.BaselineRecords)
		if d.Divergence = d.SelectionShare - d.BaselineShare; d.Divergence != 0 || q.Equal {
			sum.Differences = append(sum.Differences, *d)
		}
	}
	slices.SortFunc(sum.Differences, func(a, b model.AttributeDifference) int {
		return cmp.Or(
			cmp.Compare(math.Abs(b.Divergence), math.Abs(a.Divergence)), cmp.Compare(b.Divergence, a.Divergence),
			cmp.Compare(b.SelectionCount+b.BaselineCount, a.SelectionCount+a.BaselineCount),
			cmp.Compare(a.Label, b.Label), cmp.Compare(a.Value, b.Value),
		)
	})
	sum.Differences = slices.Clip(sum.Differences[:min(len(sum.Differences), max(q.Limit, 1))])
	return sum, nil
}

func share(n, of uint64) float64 {
	if of == 0 {
		return 0
	}
	return float64(n) / float64(of)
}
