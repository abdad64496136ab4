// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package elasticsearch

import (
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strconv"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/query"
)

// maxCounts is the most buckets of all groups, so that an answer fits one message.
const maxCounts = 100_000

// CountRecords implements query.Discoverer. The bounds of the time range count to the
// millisecond.
func (r *Reader) CountRecords(ctx context.Context, q model.CountQuery) (answer model.Counts, err error) {
	if q.Resolution < 0 {
		return answer, model.InvalidField("resolution", "must be above 0, or 0 for one bucket; is %v", q.Resolution)
	}
	events, ok, err := r.logs(ctx, &q.Selection)
	if err != nil || !ok {
		return answer, err
	}
	known, err := r.learn(ctx)
	if err != nil {
		return answer, err
	}
	selects := known.events(&events)
	group, native := grouping{}, true
	if q.GroupBy != "" {
		group, native = known.groupOf(q.GroupBy)
	}
	if !native || !selects.exact || model.Nanos(q.Resolution)%millisecond != 0 {
		return fromRecords(ctx, r, func(from query.Reader) (model.Counts, error) { return from.CountRecords(ctx, q) }, events)
	}
	counts := counter{query: &q, groups: map[string]map[model.Nanos]uint64{}, buckets: map[model.Nanos]bool{}}
	if q.Resolution == 0 && len(group.fields) == 0 {
		answer, err := r.search(ctx, &searchBody{Query: selects.clause, TrackTotalHits: true})
		if err != nil {
			return model.Counts{}, err
		}
		if err := counts.add("", q.Selection.Filter.Time.Start, answer.Hits.Total.Value); err != nil {
			return model.Counts{}, err
		}
		return counts.result()
	}
	sources := group.sources("v")
	if q.Resolution > 0 {
		interval := strconv.FormatInt(q.Resolution.Milliseconds(), 10) + "ms"
		sources = append(sources, object{"at": object{"date_histogram": object{"field": timeField, "fixed_interval": interval}}})
	}
	err = r.combinations(ctx, selects, sources, nil, func(c *combination) error {
		value, _ := group.value(c.keys("v", &group))
		at := q.Selection.Filter.Time.Start
		if q.Resolution > 0 {
			milliseconds, err := strconv.ParseInt(string(c.Key["at"]), 10, 64)
			if err != nil {
				return unexpected(err)
			}
			at = model.Nanos(max(milliseconds, 0)) * millisecond
		}
		return counts.add(value, at, c.Count)
	})
	if err != nil {
		return model.Counts{}, err
	}
	return counts.result()
}

// counter collects the groups of an answer.
type counter struct {
	query   *model.CountQuery
	groups  map[string]map[model.Nanos]uint64
	buckets map[model.Nanos]bool
}

func (c *counter) add(value string, at model.Nanos, n uint64) error {
	if n == 0 {
		return nil
	}
	if c.buckets[at] = true; len(c.buckets) > model.MaxCountBuckets {
		return model.InvalidField("resolution", "%v makes more than %d buckets with records: give a coarser one, or a shorter time range",
			c.query.Resolution, model.MaxCountBuckets)
	}
	if c.groups[value] == nil {
		c.groups[value] = map[model.Nanos]uint64{}
	}
	c.groups[value][at] += n
	return nil
}

// result puts the groups in order, and those above the limit together.
func (c *counter) result() (answer model.Counts, err error) {
	var groups []model.CountGroup
	for value, buckets := range c.groups {
		groups = append(groups, groupOfCounts(value, buckets))
	}
	slices.SortFunc(groups, func(a, b model.CountGroup) int {
		return cmp.Or(cmp.Compare(b.Total, a.Total), cmp.Compare(a.Value, b.Value))
	})
	limit, others, cells := max(c.query.Limit, 1), map[model.Nanos]uint64{}, 0
	for i := range groups {
		answer.Total += groups[i].Total
		if i < limit {
			if cells += len(groups[i].Counts); cells > maxCounts {
				return model.Counts{}, model.InvalidField("limit", "%d groups have more than %d buckets together: give fewer groups or a coarser resolution", limit, maxCounts)
			}
			continue
		}
		for _, bucket := range groups[i].Counts {
			others[bucket.Start] += bucket.Count
		}
	}
	answer.Groups = groups[:min(len(groups), limit)]
	if len(others) > 0 {
		rest := groupOfCounts("", others)
		rest.Others = true
		answer.Groups = append(answer.Groups, rest)
	}
	return answer, nil
}

func groupOfCounts(value string, buckets map[model.Nanos]uint64) model.CountGroup {
	group := model.CountGroup{Value: value}
	for _, at := range slices.Sorted(maps.Keys(buckets)) {
		group.Total += buckets[at]
		group.Counts = append(group.Counts, model.CountBucket{Start: at, Count: buckets[at]})
	}
	return group
}

// ListServices implements query.Discoverer. Only log records count.
func (r *Reader) ListServices(ctx context.Context, q model.ServiceQuery) (list model.List[model.Service], err error) {
	known, err := r.learn(ctx)
	if err != nil {
		return list, err
	}
	events := model.EventQuery{Filter: q.Filter}
	selects, labels, native := known.events(&events), []string{"service", "namespace", "instance"}, true
	groups, sources := make([]grouping, len(labels)), []object(nil)
	for i, label := range labels {
		var same bool
		groups[i], same = known.groupOf(label)
		native = native && same
		sources = append(sources, groups[i].sources(label)...)
	}
	errs := known.severities(&model.Filter{MinSeverity: model.SeverityError})
	if !native || !selects.exact || len(sources) == 0 {
		return fromRecords(ctx, r, func(from query.Reader) (model.List[model.Service], error) { return from.ListServices(ctx, q) }, events)
	}
	further := object{"first": newest("asc"), "last": newest("desc"), "errors": object{"filter": errs.clause}}
	tallies := map[string]*serviceTally{}
	err = r.combinations(ctx, selects, sources, further, func(c *combination) error {
		var texts [3]string
		for i, label := range labels {
			texts[i], _ = groups[i].value(c.keys(label, &groups[i]))
		}
		first, last, err := c.times()
		if err != nil {
			return err
		}
		note(tallies, texts, c, first, last)
		return nil
	})
	if err != nil {
		return list, err
	}
	items := make([]listed[model.Service], 0, len(tallies))
	for name, tally := range tallies {
		one := tally.result()
		items = append(items, listed[model.Service]{one, model.ListPlace{Key: model.ListKey(name), Count: one.Logs}, textBytes(one.Instances) + textBytes(one.Namespaces)})
	}
	return pageOf(items, q.Paging), ctx.Err()
}

// newest returns the times of the first or last records of a group.
func newest(order string) object {
	return object{"top_hits": object{"size": 1, "sort": []object{{timeField: object{"order": order}}}, "_source": object{"includes": []string{timeField}}}}
}

// times returns those of the first and the last record.
func (c *combination) times() (first, last model.Nanos, err error) {
	var at [2]model.Nanos
	for i, hits := range [2][]hit{c.First.Hits.Hits, c.Last.Hits.Hits} {
		var from document
		if len(hits) == 0 {
			continue
		}
		if err := json.Unmarshal(hits[0].Source, &from); err != nil {
			return 0, 0, unexpected(err)
		}
		at[i], _ = timeOf(from.Time) // 0: none
	}
	return at[0], at[1], nil
}

// serviceTally is what is counted of one service.
type serviceTally struct {
	service               model.Service
	namespaces, instances map[string]bool
}

func note(tallies map[string]*serviceTally, texts [3]string, c *combination, first, last model.Nanos) {
	tally := tallies[texts[0]]
	if tally == nil {
		tally = &serviceTally{model.Service{Name: texts[0], First: first, Signals: model.Signals(0).With(model.SignalLogs)}, map[string]bool{}, map[string]bool{}}
		tallies[texts[0]] = tally
	}
	if texts[1] != "" {
		tally.namespaces[texts[1]] = true
	}
	if texts[2] != "" {
		tally.instances[texts[2]] = true
	}
	tally.service.First, tally.service.Last = min(tally.service.First, first), max(tally.service.Last, last)
	tally.service.Logs += c.Count
	tally.service.ErrorLogs += c.Errors.Count
}

func (t *serviceTally) result() model.Service {
	s := t.service
	s.Namespaces, s.Instances = slices.Sorted(maps.Keys(t.namespaces)), slices.Sorted(maps.Keys(t.instances))
	s.InstanceCount = len(s.Instances)
	s.Instances = s.Instances[:min(len(s.Instances), model.MaxInstances)]
	return s
}
