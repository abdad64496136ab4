// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package elasticsearch

import (
	"context"
	"errors"
	"strconv"

	"github.com/tapio/tapio/internal/backend/working"
	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/semconv"
	"github.com/tapio/tapio/internal/store"
)

// maxChanges is how many records that may report a change are read.
const maxChanges = 50_000

// GetChanges implements query.Discoverer. The store concludes the changes, from the events
// that may report one and from when each instance was seen.
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

// addChanges adds the newest records of a query that were not added yet, with the IDs that
// they have here.
func (r *Reader) addChanges(ctx context.Context, set *working.Set, q model.EventQuery, added map[string]bool) error {
	var events []model.Event
	err := r.each(ctx, &q, walk{}, func(e *model.Event) error {
		if len(events) == maxChanges {
			return errEnough
		}
		if added[e.ID] {
			return nil
		}
		added[e.ID] = true
		if e.UID() == "" {
			e.Attributes = append(e.Attributes, model.KeyValue{Key: model.UIDKey, Value: model.StringValue(e.ID)})
		}
		events = append(events, *e)
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return err
	}
	return set.AddEvents(events)
}

// addLives adds, for each instance and version of a service, a record of its first and of
// its last sign of life.
func (r *Reader) addLives(ctx context.Context, set *working.Set, filter model.Filter) error {
	known, err := r.learn(ctx)
	if err != nil {
		return err
	}
	filter.Time.Start = 0 // what is older shows what is new
	q := model.EventQuery{Filter: filter}
	selects := known.events(&q)
	described := []string{semconv.ServiceName, semconv.K8sNamespaceName, semconv.ServiceNamespace, semconv.ServiceVersion, semconv.ServiceInstanceID}
	var group grouping
	var names []string
	for _, name := range described {
		if known.fields[ofResource+name] == texts {
			group.fields, names = append(group.fields, field{ofResource + name, texts}), append(names, name)
		}
	}
	if !selects.exact || len(names) == 0 || names[0] != semconv.ServiceName {
		return nil // the events alone have to do
	}
	var events []model.Event
	err = r.combinations(ctx, all(selects, exists(ofResource+semconv.ServiceName)), group.sources("v"), object{"first": newest("asc"), "last": newest("desc")}, func(c *combination) error {
		first, last, err := c.times()
		if err != nil || first == 0 {
			return err
		}
		resource := &model.Resource{}
		for i, name := range names {
			if text, set := textOf(c.Key["v"+strconv.Itoa(i)]); set {
				resource.Attributes = append(resource.Attributes, model.KeyValue{Key: name, Value: model.StringValue(text)})
			}
		}
		for _, at := range []model.Nanos{first, last} {
			events = append(events, model.Event{Time: at, Resource: resource, Scope: &model.Scope{}})
		}
		return nil
	})
	if err != nil {
		return err
	}
	return set.AddEvents(events)
}
