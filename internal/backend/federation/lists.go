// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package federation

import (
	"context"
	"maps"
	"slices"
	"strconv"

	"github.com/tapio/tapio/internal/model"
)

const (
	// listPage is how many items of a member are read at once where all are needed.
	listPage = 10_000
	// maxListed is how many items of one member are read at most.
	maxListed = 200_000
	itemBytes = 128
)

// list is how the items of one list are merged.
type list[Item any] struct {
	read func(ctx context.Context, m *member, paging model.ListPaging) (model.List[Item], error)
	// place identifies an item, and says what it counts.
	place func(item *Item) model.ListPlace
	// add puts another member's item of the same key to an item.
	add   func(to, from *Item)
	bytes func(item *Item) int
}

// listOf returns a page of the items of all members.
func listOf[Item any](ctx context.Context, r *Reader, paging model.ListPaging, how list[Item]) (model.List[Item], error) {
	answers, err := ask(ctx, r, func(ctx context.Context, m *member) (model.List[Item], error) {
		if paging.ByCount {
			return everyItem(ctx, m, how)
		}
		return how.read(ctx, m, model.ListPaging{Limit: max(paging.Limit, 1), MaxBytes: paging.MaxBytes, After: paging.After})
	})
	if err != nil {
		return model.List[Item]{}, err
	}
	merged, until := map[string]*Item{}, ""
	for _, a := range answers {
		for i := range a.value.Items {
			item := &a.value.Items[i]
			key := how.place(item).Key
			if known := merged[key]; known != nil {
				how.add(known, item)
			} else {
				merged[key] = item
			}
		}
		switch next := a.value.Next.Key; {
		case next == "":
		case paging.ByCount:
			incomplete(ctx, a.member, "has more than %d items: only these are counted", maxListed)
		case until == "" || next < until:
			until = next // behind it items of this member are missing
		}
	}
	return how.page(merged, paging, until), nil
}

// everyItem reads the whole list of a member.
func everyItem[Item any](ctx context.Context, m *member, how list[Item]) (all model.List[Item], err error) {
	paging := model.ListPaging{Limit: listPage}
	for {
		page, err := how.read(ctx, m, paging)
		if all.Items = append(all.Items, page.Items...); err != nil || page.Next.IsZero() {
			return all, err
		}
		if paging.After = page.Next; len(all.Items) >= maxListed {
			all.Next = page.Next
			return all, nil
		}
	}
}

// page sorts the merged items and cuts the page out.
func (l *list[Item]) page(merged map[string]*Item, paging model.ListPaging, until string) model.List[Item] {
	type placed struct {
		item  *Item
		place model.ListPlace
	}
	var items []placed
	for _, item := range merged {
		if place := l.place(item); until == "" || place.Key <= until {
			items = append(items, placed{item, place})
		}
	}
	slices.SortFunc(items, func(a, b placed) int { return a.place.Compare(b.place, paging.ByCount) })
	if !paging.After.IsZero() && paging.ByCount {
		items = slices.DeleteFunc(items, func(p placed) bool { return p.place.Compare(paging.After, true) <= 0 })
	}
	page, bytes := model.List[Item]{Items: []Item{}}, 0
	for i, p := range items {
		bytes += itemBytes + len(p.place.Key) + l.bytes(p.item)
		if i == max(paging.Limit, 1) || i > 0 && paging.MaxBytes > 0 && bytes > paging.MaxBytes {
			page.Next = items[i-1].place
			return page
		}
		page.Items = append(page.Items, *p.item)
	}
	if until != "" && len(items) > 0 {
		page.Next = items[len(items)-1].place
	}
	return page
}

// widen widens a stretch of time by another one; 0 is no time.
func widen(first, last *model.Nanos, otherFirst, otherLast model.Nanos) {
	if otherFirst == 0 && otherLast == 0 {
		return
	}
	if *first == 0 && *last == 0 {
		*first, *last = otherFirst, otherLast
		return
	}
	*first, *last = min(*first, otherFirst), max(*last, otherLast)
}

// union returns the sorted texts of both lists, each once.
func union(a, b []string) []string {
	set := map[string]bool{}
	for _, text := range slices.Concat(a, b) {
		set[text] = true
	}
	return slices.Sorted(maps.Keys(set))
}

func none[Item any](*Item) int { return 0 }

func textBytes(lists ...[]string) (bytes int) {
	for _, list := range lists {
		for _, text := range list {
			bytes += len(text) + 2
		}
	}
	return bytes
}

// ListServices implements query.Discoverer.
func (r *Reader) ListServices(ctx context.Context, q model.ServiceQuery) (model.List[model.Service], error) {
	return listOf(ctx, r, q.Paging, list[model.Service]{
		read: func(ctx context.Context, m *member, paging model.ListPaging) (model.List[model.Service], error) {
			return m.Reader.ListServices(ctx, model.ServiceQuery{Filter: q.Filter, Paging: paging})
		},
		place: func(s *model.Service) model.ListPlace {
			return model.ListPlace{Key: model.ListKey(s.Name), Count: s.Logs + s.Spans + s.Series}
		},
		add:   addService,
		bytes: func(s *model.Service) int { return textBytes(s.Instances, s.Namespaces) },
	})
}

func addService(to, from *model.Service) {
	unnamed := to.InstanceCount - len(to.Instances) + from.InstanceCount - len(from.Instances)
	if len(to.Namespaces)+len(from.Namespaces) > 0 {
		to.Namespaces = union(to.Namespaces, from.Namespaces)
	}
	if len(to.Instances)+len(from.Instances) > 0 {
		to.Instances = union(to.Instances, from.Instances)
	}
	to.InstanceCount = len(to.Instances) + unnamed
	to.Instances = to.Instances[:min(len(to.Instances), model.MaxInstances)]
	widen(&to.First, &to.Last, from.First, from.Last)
	to.Signals |= from.Signals
	to.Logs += from.Logs
	to.ErrorLogs += from.ErrorLogs
	to.Spans += from.Spans
	to.Series += from.Series
	to.RED = model.MergeRED(to.RED, from.RED)
}

// ListOperations implements query.Discoverer.
func (r *Reader) ListOperations(ctx context.Context, q model.OperationQuery) (model.List[model.Operation], error) {
	return listOf(ctx, r, q.Paging, list[model.Operation]{
		read: func(ctx context.Context, m *member, paging model.ListPaging) (model.List[model.Operation], error) {
			return m.Reader.ListOperations(ctx, model.OperationQuery{Filter: q.Filter, Kinds: q.Kinds, Paging: paging})
		},
		place: func(o *model.Operation) model.ListPlace {
			return model.ListPlace{Key: model.ListKey(o.Service, o.Name, strconv.Itoa(int(o.Kind))), Count: o.RED.Requests}
		},
		add: func(to, from *model.Operation) {
			widen(&to.First, &to.Last, from.First, from.Last)
			to.RED = model.MergeRED(to.RED, from.RED)
		},
		bytes: none[model.Operation],
	})
}

// ListMetrics implements query.Discoverer.
func (r *Reader) ListMetrics(ctx context.Context, q model.MetricQuery) (model.List[model.MetricInfo], error) {
	return listOf(ctx, r, q.Paging, list[model.MetricInfo]{
		read: func(ctx context.Context, m *member, paging model.ListPaging) (model.List[model.MetricInfo], error) {
			return m.Reader.ListMetrics(ctx, model.MetricQuery{Names: q.Names, Filter: q.Filter, Paging: paging})
		},
		place: func(m *model.MetricInfo) model.ListPlace {
			return model.ListPlace{Key: m.Metric.ListKey(), Count: m.Series}
		},
		add: func(to, from *model.MetricInfo) {
			if to.Metric.Description == "" { // another source may describe it
				to.Metric = from.Metric
			}
			to.Series += from.Series
			to.Services = union(to.Services, from.Services)
			to.Services = to.Services[:min(len(to.Services), model.MaxInstances)]
			widen(&to.First, &to.Last, from.First, from.Last)
		},
		bytes: func(m *model.MetricInfo) int { return textBytes(m.Services) + len(m.Metric.Description) },
	})
}

// ListLabels implements query.Discoverer.
func (r *Reader) ListLabels(ctx context.Context, q model.LabelQuery) (model.List[model.LabelInfo], error) {
	return listOf(ctx, r, q.Paging, list[model.LabelInfo]{
		read: func(ctx context.Context, m *member, paging model.ListPaging) (model.List[model.LabelInfo], error) {
			one := q
			one.Paging = paging
			return m.Reader.ListLabels(ctx, one)
		},
		place: func(l *model.LabelInfo) model.ListPlace {
			return model.ListPlace{Key: model.ListKey(l.Name), Count: l.Records}
		},
		add: func(to, from *model.LabelInfo) {
			to.Signals |= from.Signals
			to.Records += from.Records
		},
		bytes: none[model.LabelInfo],
	})
}

// ListLabelValues implements query.Discoverer.
func (r *Reader) ListLabelValues(ctx context.Context, q model.LabelQuery) (model.List[model.LabelValue], error) {
	return listOf(ctx, r, q.Paging, list[model.LabelValue]{
		read: func(ctx context.Context, m *member, paging model.ListPaging) (model.List[model.LabelValue], error) {
			one := q
			one.Paging = paging
			return m.Reader.ListLabelValues(ctx, one)
		},
		place: func(v *model.LabelValue) model.ListPlace {
			return model.ListPlace{Key: model.ListKey(v.Value), Count: v.Records}
		},
		add:   func(to, from *model.LabelValue) { to.Records += from.Records },
		bytes: none[model.LabelValue],
	})
}
