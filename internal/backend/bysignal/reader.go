// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package bysignal

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/query"
)

// Reader implements query.Reader.
type Reader struct {
	query.Reader // of the other signals
	logs         query.Reader
}

var _ query.Reader = (*Reader)(nil)

// New makes a reader. The other reader must have no log records, and the one of log records
// must answer queries for other signals with nothing.
func New(logs, others query.Reader) *Reader { return &Reader{others, logs} }

// Started implements query.Reader.
func (r *Reader) Started() time.Time { return r.logs.Started() }

// QueryEvents implements query.EventReader.
func (r *Reader) QueryEvents(ctx context.Context, q model.EventQuery) (model.Page[model.Event], error) {
	return r.logs.QueryEvents(ctx, q)
}

// EventByID implements query.EventReader.
func (r *Reader) EventByID(ctx context.Context, id string) (model.Event, bool, error) {
	return r.logs.EventByID(ctx, id)
}

// Identify implements query.EventReader.
func (r *Reader) Identify(e *model.Event) { r.logs.Identify(e) }

// TailEvents implements query.Tailer.
func (r *Reader) TailEvents(ctx context.Context, q model.EventQuery, start model.Start) query.Tail[model.Event] {
	return r.logs.TailEvents(ctx, q, start)
}

// TailRecords implements query.Tailer.
func (r *Reader) TailRecords(ctx context.Context, q model.EventQuery, start model.Start) query.Tail[model.Event] {
	return r.logs.TailRecords(ctx, q, start)
}

// of returns the reader of a signal.
func (r *Reader) of(signal model.Signal) query.Reader {
	if signal == model.SignalLogs {
		return r.logs
	}
	return r.Reader
}

// CountRecords implements query.Discoverer.
func (r *Reader) CountRecords(ctx context.Context, q model.CountQuery) (model.Counts, error) {
	return r.of(q.Selection.Signal).CountRecords(ctx, q)
}

// GetFacets implements query.Discoverer.
func (r *Reader) GetFacets(ctx context.Context, q model.FacetQuery) (model.Facets, error) {
	return r.of(q.Selection.Signal).GetFacets(ctx, q)
}

// CompareAttributes implements query.Discoverer.
func (r *Reader) CompareAttributes(ctx context.Context, q model.CompareQuery) (model.Comparison, error) {
	return r.of(q.Selection.Signal).CompareAttributes(ctx, q)
}

// GetChanges implements query.Discoverer. Changes are found in log records.
func (r *Reader) GetChanges(ctx context.Context, q model.ChangeQuery) (model.Page[model.Change], error) {
	return r.logs.GetChanges(ctx, q)
}

// listAtOnce is how many items are read at once, and maxListed how many at most.
const listAtOnce, maxListed = 10_000, 200_000

// whole reads all pages of a list.
func whole[Item any](read func(paging model.ListPaging) (model.List[Item], error)) (items []Item, err error) {
	paging := model.ListPaging{Limit: listAtOnce}
	for len(items) < maxListed {
		page, err := read(paging)
		if err != nil {
			return nil, err
		}
		if items = append(items, page.Items...); page.Next.IsZero() {
			break
		}
		paging.After = page.Next
	}
	return items, nil
}

// merged returns a page of the items of both readers, those of one key put together.
func merged[Item any](
	paging model.ListPaging, place func(*Item) model.ListPlace, add func(to, from *Item), reads ...func(paging model.ListPaging) (model.List[Item], error),
) (model.List[Item], error) {
	items := map[string]*Item{}
	for _, read := range reads {
		list, err := whole(read)
		if err != nil {
			return model.List[Item]{}, err
		}
		for i := range list {
			key := place(&list[i]).Key
			if known := items[key]; known != nil {
				add(known, &list[i])
			} else {
				items[key] = &list[i]
			}
		}
	}
	page := model.List[Item]{Items: []Item{}}
	for _, item := range slices.SortedFunc(maps.Values(items), func(a, b *Item) int { return place(a).Compare(place(b), paging.ByCount) }) {
		at := place(item)
		if !paging.After.IsZero() && at.Compare(paging.After, paging.ByCount) <= 0 {
			continue
		}
		if len(page.Items) == max(paging.Limit, 1) {
			page.Next = place(&page.Items[len(page.Items)-1])
			break
		}
		page.Items = append(page.Items, *item)
	}
	return page, nil
}

// ListServices implements query.Discoverer.
func (r *Reader) ListServices(ctx context.Context, q model.ServiceQuery) (model.List[model.Service], error) {
	read := func(from query.Reader) func(model.ListPaging) (model.List[model.Service], error) {
		return func(paging model.ListPaging) (model.List[model.Service], error) {
			return from.ListServices(ctx, model.ServiceQuery{Filter: q.Filter, Paging: paging})
		}
	}
	place := func(s *model.Service) model.ListPlace {
		return model.ListPlace{Key: model.ListKey(s.Name), Count: s.Logs + s.Spans + s.Series}
	}
	return merged(q.Paging, place, addService, read(r.Reader), read(r.logs))
}

// addService adds the figures of the log records of a service.
func addService(to, from *model.Service) {
	unnamed := max(to.InstanceCount-len(to.Instances), from.InstanceCount-len(from.Instances))
	to.Namespaces, to.Instances = union(to.Namespaces, from.Namespaces), union(to.Instances, from.Instances)
	to.InstanceCount = len(to.Instances) + unnamed
	to.Instances = to.Instances[:min(len(to.Instances), model.MaxInstances)]
	if to.First == 0 || from.First != 0 && from.First < to.First {
		to.First = from.First
	}
	to.Last = max(to.Last, from.Last)
	to.Signals |= from.Signals
	to.Logs += from.Logs
	to.ErrorLogs += from.ErrorLogs
}

// union returns the sorted texts of both lists, nil for none.
func union(a, b []string) []string {
	all := slices.Concat(a, b)
	slices.Sort(all)
	return slices.Compact(all)
}

// ListLabels implements query.Discoverer.
func (r *Reader) ListLabels(ctx context.Context, q model.LabelQuery) (model.List[model.LabelInfo], error) {
	if q.Signal != model.SignalUnspecified {
		return r.of(q.Signal).ListLabels(ctx, q)
	}
	read := func(from query.Reader) func(model.ListPaging) (model.List[model.LabelInfo], error) {
		return func(paging model.ListPaging) (model.List[model.LabelInfo], error) {
			one := q
			one.Paging = paging
			return from.ListLabels(ctx, one)
		}
	}
	place := func(l *model.LabelInfo) model.ListPlace {
		return model.ListPlace{Key: model.ListKey(l.Name), Count: l.Records}
	}
	add := func(to, from *model.LabelInfo) {
		to.Records, to.Signals = to.Records+from.Records, to.Signals|from.Signals
	}
	return merged(q.Paging, place, add, read(r.Reader), read(r.logs))
}

// ListLabelValues implements query.Discoverer.
func (r *Reader) ListLabelValues(ctx context.Context, q model.LabelQuery) (model.List[model.LabelValue], error) {
	if q.Signal != model.SignalUnspecified {
		return r.of(q.Signal).ListLabelValues(ctx, q)
	}
	read := func(from query.Reader) func(model.ListPaging) (model.List[model.LabelValue], error) {
		return func(paging model.ListPaging) (model.List[model.LabelValue], error) {
			one := q
			one.Paging = paging
			return from.ListLabelValues(ctx, one)
		}
	}
	place := func(v *model.LabelValue) model.ListPlace {
		return model.ListPlace{Key: model.ListKey(v.Value), Count: v.Records}
	}
	return merged(q.Paging, place, func(to, from *model.LabelValue) { to.Records += from.Records }, read(r.Reader), read(r.logs))
}
