// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"context"
	"strings"
	"sync"

	"github.com/tapio/tapio/internal/backend/working"
	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/semconv"
	"github.com/tapio/tapio/internal/store"
)

// GetServiceGraph implements query.Discoverer. It joins the spans of the range in this
// process; more than a query may hold set Truncated.
func (r *Reader) GetServiceGraph(ctx context.Context, q model.GraphQuery) (graph model.ServiceGraph, err error) {
	set := working.New(r.QueryMemory)
	defer set.Close()
	truncated, err := set.ReadSpans(ctx, r, q.Filter.Time, &sync.Mutex{})
	if err != nil {
		return graph, err
	}
	graph, err = set.Reader().GetServiceGraph(ctx, q)
	graph.Truncated = graph.Truncated || truncated
	return graph, err
}

// CountCalls implements query.Discoverer.
func (r *Reader) CountCalls(ctx context.Context, times model.TimeRange) (counts model.CallCounts, err error) {
	s, err := r.begin(ctx)
	if err != nil {
		return counts, err
	}
	f := s.traces()
	if !s.schema.exists(f.table) {
		return counts, ctx.Err()
	}
	found, service := s.label(f, model.NewLabelKey(semconv.ServiceName))
	columns := "TraceId, " + service + " AS service, toUInt8(" + found + ") AS named"
	children := all(append(s.timeRange(f.at, times), "ParentSpanId != ''"))
	parents := all(append(s.timeRange(f.at, working.WithParents(times)), "SpanId != ''"))
	sql := "SELECT parent.service, parent.named, child.service, child.named, count() FROM (SELECT ParentSpanId, " + columns + " FROM " + f.from(s.reader) + " WHERE " + children +
		") AS child INNER JOIN (SELECT SpanId, " + columns + " FROM " + f.from(s.reader) + " WHERE " + parents + " LIMIT 1 BY TraceId, SpanId) AS parent" +
		" ON child.TraceId = parent.TraceId AND child.ParentSpanId = parent.SpanId" +
		" GROUP BY parent.service, parent.named, child.service, child.named ORDER BY parent.service, child.service"
	err = s.each(ctx, sql, func(scan scanner) error {
		var call model.CallCount
		var parent, child uint8
		if err := scan(&call.Parent.Name, &parent, &call.Child.Name, &child, &call.Count); err != nil {
			return err
		}
		call.Parent.Set, call.Child.Set = parent != 0, child != 0
		counts.Calls = append(counts.Calls, call)
		return nil
	})
	if err != nil {
		return model.CallCounts{}, err
	}
	sql = "SELECT count() FROM " + f.from(s.reader) + " WHERE " + all(s.timeRange(f.at, times))
	return counts, s.each(ctx, sql, func(scan scanner) error { return scan(&counts.Spans) })
}

// maxChanges is how many records that may report a change are read.
const maxChanges = 50_000

// GetChanges implements query.Discoverer. The store concludes the changes, from the
// events that may report one and from when each instance was seen.
func (r *Reader) GetChanges(ctx context.Context, q model.ChangeQuery) (page model.Page[model.Change], err error) {
	if err := r.checkCursor(q.Paging.After); err != nil {
		return page, err
	}
	set := working.New(r.QueryMemory)
	defer set.Close()
	added := map[string]bool{}
	for _, events := range store.ChangeEvents(q.Filter) {
		if err := r.addChanges(ctx, set, events, added); err != nil {
			return page, err
		}
	}
	if err := r.addLives(ctx, set, q.Filter); err != nil {
		return page, err
	}
	reader := set.Reader()
	if !q.Paging.After.IsZero() {
		q.Paging.After.Epoch = reader.Epoch()
	}
	page, err = reader.GetChanges(ctx, q)
	if !page.Next.IsZero() {
		page.Next.Epoch = r.epoch
	}
	return page, err
}

// addChanges adds the records of a query that were not added yet, with the IDs that they
// have here.
func (r *Reader) addChanges(ctx context.Context, set *working.Set, q model.EventQuery, added map[string]bool) error {
	s, err := r.begin(ctx)
	if err != nil {
		return err
	}
	f := s.logs()
	if !s.schema.exists(f.table) {
		return ctx.Err()
	}
	sql := "SELECT " + eventColumns(f) + " FROM " + f.from(s.reader) + " WHERE " + all(s.events(f, &q)) + order{source: f}.by() + " LIMIT " + s.limit(maxChanges)
	var events []model.Event
	err = s.eachEvent(ctx, sql, func(e *model.Event, _ model.Nanos) error {
		if r.Identify(e); added[e.ID] {
			return nil
		}
		added[e.ID] = true
		if e.UID() == "" {
			e.Attributes = append(e.Attributes, model.KeyValue{Key: model.UIDKey, Value: model.StringValue(e.ID)})
		}
		events = append(events, *e)
		return nil
	})
	if err != nil {
		return err
	}
	return set.AddEvents(events)
}

// addLives adds, for each instance and version of a service, a record of its first and
// of its last sign of life.
func (r *connection) addLives(ctx context.Context, set *working.Set, filter model.Filter) error {
	s, err := r.begin(ctx)
	if err != nil {
		return err
	}
	filter.Time.Start = 0 // what is older shows what is new
	var events []model.Event
	for _, f := range []*source{s.logs(), s.traces()} {
		if !s.schema.exists(f.table) {
			continue
		}
		described := []string{semconv.ServiceName, semconv.K8sNamespaceName, semconv.ServiceNamespace, semconv.ServiceVersion, semconv.ServiceInstanceID}
		var columns []string
		for _, name := range described {
			columns = append(columns, text(f.resource+"["+s.text(name)+"]"))
		}
		sql := "SELECT [" + strings.Join(columns, ", ") + "] AS described, min(" + nanos(f.at) + "), max(" + nanos(f.at) + ") FROM " + f.from(s.reader) +
			" WHERE " + all(append(s.filter(f, &filter), "ServiceName != ''", f.at+" > toDateTime64(0, 9)")) + " GROUP BY described LIMIT " + s.limit(maxChanges)
		err := s.each(ctx, sql, func(scan scanner) error {
			var texts []string
			var first, last int64
			if err := scan(&texts, &first, &last); err != nil {
				return err
			}
			resource := &model.Resource{}
			for i, text := range texts {
				if text != "" {
					resource.Attributes = append(resource.Attributes, model.KeyValue{Key: described[i], Value: model.StringValue(text)})
				}
			}
			for _, at := range []int64{first, last} {
				events = append(events, model.Event{Time: nanosOf(at), Resource: resource, Scope: &model.Scope{}})
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return set.AddEvents(events)
}
