// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package elasticsearch

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/query"
)

// listed is an item of a list, and what places it.
type listed[Item any] struct {
	item  Item
	place model.ListPlace
	bytes int // of what is not in the key
}

// itemBytes is what an item takes in an answer, without its texts.
const itemBytes = 128

func textBytes(texts []string) (bytes int) {
	for _, text := range texts {
		bytes += len(text) + 2
	}
	return bytes
}

// pageOf puts the items in order and takes the page that is asked for.
func pageOf[Item any](items []listed[Item], paging model.ListPaging) model.List[Item] {
	slices.SortFunc(items, func(a, b listed[Item]) int { return a.place.Compare(b.place, paging.ByCount) })
	list, bytes := model.List[Item]{Items: []Item{}}, 0
	var last model.ListPlace
	for i := range items {
		one := &items[i]
		if !paging.After.IsZero() && one.place.Compare(paging.After, paging.ByCount) <= 0 {
			continue
		}
		bytes += itemBytes + len(one.place.Key) + one.bytes
		if n := len(list.Items); n == max(paging.Limit, 1) || n > 0 && paging.MaxBytes > 0 && bytes > paging.MaxBytes {
			list.Next = last
			break
		}
		list.Items, last = append(list.Items, one.item), one.place
	}
	return list
}

// countAtOnce is how many conditions are counted with one request.
const countAtOnce = 500

// counts returns how many selected records meet each condition, and how many there are.
func (r *Reader) counts(ctx context.Context, selects condition, conditions []condition) (list []uint64, total uint64, err error) {
	list = make([]uint64, len(conditions))
	for begin := 0; begin == 0 || begin < len(conditions); begin += countAtOnce {
		aggregations := object{}
		for i := begin; i < min(begin+countAtOnce, len(conditions)); i++ {
			aggregations["c"+strconv.Itoa(i)] = object{"filter": conditions[i].clause}
		}
		answer, err := r.search(ctx, &searchBody{Query: selects.clause, TrackTotalHits: true, Aggregations: aggregations})
		if err != nil {
			return nil, 0, err
		}
		total = answer.Hits.Total.Value
		for name, raw := range answer.Aggregations {
			var counted struct {
				Count uint64 `json:"doc_count"`
			}
			if err := json.Unmarshal(raw, &counted); err != nil {
				return nil, 0, unexpected(err)
			}
			if i, err := strconv.Atoi(strings.TrimPrefix(name, "c")); err == nil && i < len(list) {
				list[i] = counted.Count
			}
		}
	}
	return list, total, nil
}

// labelled returns the query for the log records whose labels are listed; false if it is for
// other signals only.
func (r *Reader) labelled(ctx context.Context, q *model.LabelQuery) (events model.EventQuery, ok bool, err error) {
	switch {
	case q.Signal == model.SignalTraces:
		return events, false, r.answer(ctx, spans)
	case q.Signal == model.SignalMetrics, len(q.Metrics) > 0:
		return events, false, r.answer(ctx, points)
	default:
		return model.EventQuery{Filter: q.Filter}, true, ctx.Err()
	}
}

// ListLabels implements query.Discoverer.
func (r *Reader) ListLabels(ctx context.Context, q model.LabelQuery) (list model.List[model.LabelInfo], err error) {
	events, ok, err := r.labelled(ctx, &q)
	if err != nil || !ok {
		return list, err
	}
	known, err := r.learn(ctx)
	if err != nil {
		return list, err
	}
	selects := known.events(&events)
	if !selects.exact {
		return fromRecords(ctx, r, func(from query.Reader) (model.List[model.LabelInfo], error) { return from.ListLabels(ctx, q) }, events)
	}
	names := slices.DeleteFunc(known.labels(), func(name string) bool { return !strings.HasPrefix(name, q.Prefix) })
	counts, _, err := r.counts(ctx, selects, known.having(names))
	if err != nil {
		return list, err
	}
	items := []listed[model.LabelInfo]{}
	for i, name := range names {
		if counts[i] == 0 {
			continue
		}
		items = append(items, listed[model.LabelInfo]{
			item:  model.LabelInfo{Name: name, Signals: model.Signals(0).With(model.SignalLogs), Records: counts[i]},
			place: model.ListPlace{Key: model.ListKey(name), Count: counts[i]},
		})
	}
	return pageOf(items, q.Paging), nil
}

// having returns the conditions that records have attributes of these very names.
func (m *mapping) having(names []string) []condition {
	list := make([]condition, len(names))
	for i, name := range names {
		var places []field
		for _, prefix := range prefixes() {
			places = m.with(places, prefix+name)
		}
		list[i] = m.found(places)
	}
	return list
}

// ListLabelValues implements query.Discoverer.
func (r *Reader) ListLabelValues(ctx context.Context, q model.LabelQuery) (list model.List[model.LabelValue], err error) {
	events, ok, err := r.labelled(ctx, &q)
	if err != nil || !ok {
		return list, err
	}
	known, err := r.learn(ctx)
	if err != nil {
		return list, err
	}
	selects := known.events(&events)
	group, native := known.groupOf(q.Label)
	if !selects.exact || !native {
		return fromRecords(ctx, r, func(from query.Reader) (model.List[model.LabelValue], error) { return from.ListLabelValues(ctx, q) }, events)
	}
	if len(group.fields) == 0 {
		return model.List[model.LabelValue]{Items: []model.LabelValue{}}, nil
	}
	counts := map[string]uint64{}
	err = r.combinations(ctx, selects, group.sources("v"), nil, func(c *combination) error {
		if value, found := group.value(c.keys("v", &group)); found && strings.HasPrefix(value, q.Prefix) {
			counts[value] += c.Count
		}
		return nil
	})
	if err != nil {
		return list, err
	}
	items := make([]listed[model.LabelValue], 0, len(counts))
	for value, n := range counts {
		items = append(items, listed[model.LabelValue]{
			item: model.LabelValue{Value: value, Records: n}, place: model.ListPlace{Key: model.ListKey(value), Count: n},
		})
	}
	return pageOf(items, q.Paging), nil
}
