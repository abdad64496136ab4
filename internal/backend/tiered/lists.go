// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package tiered

import (
	"context"
	"maps"
	"slices"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/query"
)

const (
	// listPage is how many items are read at once, and maxListed how many at most.
	listPage, maxListed = 10_000, 200_000
	itemBytes           = 128
)

// list is how the items of one list are merged.
type list[Item any] struct {
	read  func(ctx context.Context, from query.Reader, part model.TimeRange, paging model.ListPaging) (model.List[Item], error)
	place func(item *Item) model.ListPlace
	// add puts the other tier's item of the same key to an item.
	add   func(to, from *Item)
	bytes func(item *Item) int
}

// merged returns the items of both tiers by key.
func (l *list[Item]) merged(ctx context.Context, r *Reader, times model.TimeRange) (map[string]*Item, error) {
	answers, err := ask(ctx, r, times, func(ctx context.Context, from query.Reader, part model.TimeRange) (all []Item, err error) {
		paging := model.ListPaging{Limit: listPage}
		for len(all) < maxListed {
			page, err := l.read(ctx, from, part, paging)
			if all = append(all, page.Items...); err != nil || page.Next.IsZero() {
				return all, err
			}
			paging.After = page.Next
		}
		return all, nil
	})
	items := map[string]*Item{}
	for _, answer := range answers {
		for i := range answer {
			key := l.place(&answer[i]).Key
			if known := items[key]; known != nil {
				l.add(known, &answer[i])
			} else {
				items[key] = &answer[i]
			}
		}
	}
	return items, err
}

// page sorts the items and cuts the page out.
func (l *list[Item]) page(items map[string]*Item, paging model.ListPaging) model.List[Item] {
	sorted := slices.SortedFunc(maps.Values(items), func(a, b *Item) int { return l.place(a).Compare(l.place(b), paging.ByCount) })
	page, bytes := model.List[Item]{Items: []Item{}}, 0
	var last model.ListPlace
	for _, item := range sorted {
		place := l.place(item)
		if !paging.After.IsZero() && place.Compare(paging.After, paging.ByCount) <= 0 {
			continue
		}
		bytes += itemBytes + len(place.Key) + l.bytes(item)
		if n := len(page.Items); n == max(paging.Limit, 1) || n > 0 && paging.MaxBytes > 0 && bytes > paging.MaxBytes {
			page.Next = last
			break
		}
		page.Items, last = append(page.Items, *item), place
	}
	return page
}

func (l *list[Item]) of(ctx context.Context, r *Reader, times model.TimeRange, paging model.ListPaging) (model.List[Item], error) {
	items, err := l.merged(r.now(ctx), r, times)
	if err != nil {
		return model.List[Item]{}, err
	}
	return l.page(items, paging), nil
}

// ListServices implements query.Discoverer. A series that has points in both tiers is one:
// of the two counts of series the greater one is returned.
func (r *Reader) ListServices(ctx context.Context, q model.ServiceQuery) (model.List[model.Service], error) {
	l := &list[model.Service]{
		read: func(ctx context.Context, from query.Reader, part model.TimeRange, paging model.ListPaging) (model.List[model.Service], error) {
			one := model.ServiceQuery{Filter: q.Filter, Paging: paging}
			one.Filter.Time = part
			return from.ListServices(ctx, one)
		},
		place: func(s *model.Service) model.ListPlace {
			return model.ListPlace{Key: model.ListKey(s.Name), Count: s.Logs + s.Spans + s.Series}
		},
		add:   addService,
		bytes: func(s *model.Service) int { return textBytes(s.Instances, s.Namespaces) },
	}
	return l.of(ctx, r, q.Filter.Time, q.Paging)
}

func textBytes(lists ...[]string) (bytes int) {
	for _, texts := range lists {
		for _, text := range texts {
			bytes += len(text) + 2
		}
	}
	return bytes
}

func addService(to, from *model.Service) {
	unnamed := max(to.InstanceCount-len(to.Instances), from.InstanceCount-len(from.Instances))
	to.Namespaces, to.Instances = union(to.Namespaces, from.Namespaces), union(to.Instances, from.Instances)
	to.InstanceCount = len(to.Instances) + unnamed
	to.Instances = to.Instances[:min(len(to.Instances), model.MaxInstances)]
	to.First, to.Last = extent(to.First, to.Last, from.First, from.Last)
	to.Signals |= from.Signals
	to.Logs += from.Logs
	to.ErrorLogs += from.ErrorLogs
	to.Spans += from.Spans
	to.Series = max(to.Series, from.Series)
	to.RED = model.MergeRED(to.RED, from.RED)
}

// union returns the sorted texts of both lists, nil for none.
func union(a, b []string) []string {
	all := slices.Concat(a, b)
	slices.Sort(all)
	return slices.Compact(all)
}

// extent widens a stretch of time by another one; 0 is no time.
func extent(first, last, otherFirst, otherLast model.Nanos) (model.Nanos, model.Nanos) {
	switch {
	case otherLast == 0:
		return first, last
	case last == 0:
		return otherFirst, otherLast
	default:
		return min(first, otherFirst), max(last, otherLast)
	}
}

// ListMetrics implements query.Discoverer, with series as ListServices counts them.
func (r *Reader) ListMetrics(ctx context.Context, q model.MetricQuery) (model.List[model.MetricInfo], error) {
	l := &list[model.MetricInfo]{
		read: func(ctx context.Context, from query.Reader, part model.TimeRange, paging model.ListPaging) (model.List[model.MetricInfo], error) {
			one := model.MetricQuery{Names: q.Names, Filter: q.Filter, Paging: paging}
			one.Filter.Time = part
			return from.ListMetrics(ctx, one)
		},
		place: func(m *model.MetricInfo) model.ListPlace {
			return model.ListPlace{Key: m.Metric.ListKey(), Count: m.Series}
		},
		add: func(to, from *model.MetricInfo) {
			if to.Metric.Description == "" {
				to.Metric = from.Metric
			}
			to.Series = max(to.Series, from.Series)
			to.Services = union(to.Services, from.Services)
			to.Services = to.Services[:min(len(to.Services), model.MaxInstances)]
			to.First, to.Last = extent(to.First, to.Last, from.First, from.Last)
		},
		bytes: func(m *model.MetricInfo) int { return textBytes(m.Services) + len(m.Metric.Description) },
	}
	return l.of(ctx, r, q.Filter.Time, q.Paging)
}

// signalsOf returns the signals that a query for labels looks at.
func signalsOf(q *model.LabelQuery) []model.Signal {
	if q.Signal != model.SignalUnspecified {
		return []model.Signal{q.Signal}
	}
	if len(q.Metrics) > 0 {
		return []model.Signal{model.SignalMetrics}
	}
	return []model.Signal{model.SignalLogs, model.SignalTraces, model.SignalMetrics}
}

// countOf puts the counts of both tiers together: records are in one of them, series may
// be in both.
func countOf(signal model.Signal, a, b uint64) uint64 {
	if signal == model.SignalMetrics {
		return max(a, b)
	}
	return a + b
}

// labelsOf merges a list of labels or values, signal by signal.
func labelsOf[Item any](ctx context.Context, r *Reader, q *model.LabelQuery, of func(signal model.Signal) *list[Item], together func(to, from *Item)) (model.List[Item], error) {
	ctx = r.now(ctx)
	all := map[string]*Item{}
	var l *list[Item]
	for _, signal := range signalsOf(q) {
		l = of(signal)
		items, err := l.merged(ctx, r, q.Filter.Time)
		if err != nil {
			return model.List[Item]{}, err
		}
		for key, item := range items {
			if known := all[key]; known != nil {
				together(known, item)
			} else {
				all[key] = item
			}
		}
	}
	return l.page(all, q.Paging), nil
}

// ListLabels implements query.Discoverer.
func (r *Reader) ListLabels(ctx context.Context, q model.LabelQuery) (model.List[model.LabelInfo], error) {
	of := func(signal model.Signal) *list[model.LabelInfo] {
		return &list[model.LabelInfo]{
			read: func(ctx context.Context, from query.Reader, part model.TimeRange, paging model.ListPaging) (model.List[model.LabelInfo], error) {
				one := q
				one.Signal, one.Filter.Time, one.Paging = signal, part, paging
				return from.ListLabels(ctx, one)
			},
			place: func(l *model.LabelInfo) model.ListPlace {
				return model.ListPlace{Key: model.ListKey(l.Name), Count: l.Records}
			},
			add: func(to, from *model.LabelInfo) {
				to.Records, to.Signals = countOf(signal, to.Records, from.Records), to.Signals|from.Signals
			},
			bytes: func(*model.LabelInfo) int { return 0 },
		}
	}
	return labelsOf(ctx, r, &q, of, func(to, from *model.LabelInfo) {
		to.Records, to.Signals = to.Records+from.Records, to.Signals|from.Signals
	})
}

// ListLabelValues implements query.Discoverer.
func (r *Reader) ListLabelValues(ctx context.Context, q model.LabelQuery) (model.List[model.LabelValue], error) {
	of := func(signal model.Signal) *list[model.LabelValue] {
		return &list[model.LabelValue]{
			read: func(ctx context.Context, from query.Reader, part model.TimeRange, paging model.ListPaging) (model.List[model.LabelValue], error) {
				one := q
				one.Signal, one.Filter.Time, one.Paging = signal, part, paging
				return from.ListLabelValues(ctx, one)
			},
			place: func(v *model.LabelValue) model.ListPlace {
				return model.ListPlace{Key: model.ListKey(v.Value), Count: v.Records}
			},
			add:   func(to, from *model.LabelValue) { to.Records = countOf(signal, to.Records, from.Records) },
			bytes: func(*model.LabelValue) int { return 0 },
		}
	}
	return labelsOf(ctx, r, &q, of, func(to, from *model.LabelValue) { to.Records += from.Records })
}
