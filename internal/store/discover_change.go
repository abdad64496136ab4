// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/cespare/xxhash/v2"

	"github.com/tapio/tapio/internal/model"
)

// GetChanges implements query.Discoverer. Changes are what events tell of, and what
// the resources of log records and spans show: a version or an instance of a
// service that was not there before.
func (s *Store) GetChanges(ctx context.Context, q model.ChangeQuery) (model.Page[model.Change], error) {
	if after := q.Paging.After; !after.IsZero() && after.Epoch != s.epoch {
		return model.Page[model.Change]{}, model.InvalidField("filter.page_token",
			"is of a store that is gone, for the server was restarted: begin again without a token")
	}
	a := s.budget.account()
	defer a.close()
	changes, err := s.toldChanges(ctx, &q, a)
	if err != nil {
		return model.Page[model.Change]{}, err
	}
	shown, err := s.shownChanges(ctx, &q, a)
	if err != nil {
		return model.Page[model.Change]{}, err
	}
	changes = slices.DeleteFunc(append(changes, shown...), func(c model.Change) bool {
		return len(q.Types) > 0 && !slices.Contains(q.Types, c.Type)
	})
	return s.changePage(changes, q.Paging), nil
}

// changePage takes one page of the changes.
func (s *Store) changePage(changes []model.Change, paging model.Paging) model.Page[model.Change] {
	place := func(c *model.Change) model.Cursor {
		id := keyOf(c.Service, c.Namespace, c.Instance, c.From, c.To, c.EventID, c.Summary)
		return model.Cursor{Epoch: s.epoch, Time: c.Time, Seq: xxhash.Sum64String(id) | 1}
	}
	order := func(a, b model.Cursor) int {
		by := cmp.Or(cmp.Compare(a.Time, b.Time), cmp.Compare(a.Seq, b.Seq))
		if paging.Ascending {
			return by
		}
		return -by
	}
	slices.SortFunc(changes, func(a, b model.Change) int { return order(place(&a), place(&b)) })
	var page model.Page[model.Change]
	for i := range changes {
		at := place(&changes[i])
		if !paging.After.IsZero() && order(at, paging.After) <= 0 {
			continue
		}
		if len(page.Rows) == max(paging.Limit, 1) {
			page.Next = place(&page.Rows[len(page.Rows)-1])
			break
		}
		page.Rows = append(page.Rows, changes[i])
	}
	return page
}

// toldChanges returns the changes that events tell of.
func (s *Store) toldChanges(ctx context.Context, q *model.ChangeQuery, a *account) ([]model.Change, error) {
	var changes []model.Change
	events := s.scanEvents(model.EventQuery{Filter: q.Filter, Kind: model.EventsOnly}, a)
	err := events.each(ctx, func(e *model.Event) error {
		kind := changeTypeOf(e)
		if kind == model.ChangeUnspecified {
			return nil
		}
		s.Identify(e)
		change := changeOf(kind, e)
		changes = append(changes, change)
		return a.take(tallyBytes + int64(len(change.Summary)))
	})
	return changes, err
}

// changeTypeOf returns what kind of change an event tells of.
func changeTypeOf(e *model.Event) model.ChangeType {
	name := e.Name
	if kind, found := e.Attributes.Get("tapio.change.type"); found {
		name = kind.Text()
	}
	for _, known := range changeNames() {
		if strings.HasPrefix(name, known.prefix) {
			return known.kind
		}
	}
	return model.ChangeUnspecified
}

type changeName struct {
	prefix string
	kind   model.ChangeType
}

// changeNames are what the names of events and the values of tapio.change.type begin
// with.
func changeNames() []changeName {
	return []changeName{
		{"deployment", model.ChangeDeployment},
		{"release", model.ChangeDeployment},
		{"rollout", model.ChangeDeployment},
		{"restart", model.ChangeRestart},
		{"infrastructure", model.ChangeOther},
		{"config", model.ChangeConfiguration},
		{"feature_flag", model.ChangeConfiguration},
		{"tapio.collector.config.", model.ChangeConfiguration},
		{"scal", model.ChangeScale},
		{"infrastructure", model.ChangeOther},
		{"tapio.change", model.ChangeOther},
	}
}

func changeOf(kind model.ChangeType, e *model.Event) model.Change {
	labels := e.Labels()
	text := func(names ...string) string {
		for _, name := range names {
			if v, found := labels.Get(model.NewLabelKey(name)); found {
				return v.Text()
			}
		}
		return ""
	}
	summary := e.Body.Text()
	if summary == "" {
		summary = e.Name
	}
	return model.Change{
		Type: kind, Time: e.When(), Service: text("tapio.change.service", serviceKey), Namespace: text(namespaceKey),
		Instance: text(instanceKey, "tapio.collector.id"),
		From:     text("tapio.change.from"), To: text("tapio.change.to", "tapio.collector.config.version", "feature_flag.result.variant"),
		Summary: summary, EventID: e.ID, EventName: e.Name,
	}
}

// life is when a version or an instance of a service was seen.
type life struct {
	service, namespace, version, instance string
	extent                                extent
}

// shownChanges concludes changes from the resources of all records: what is older
// than the range tells what is new in it.
func (s *Store) shownChanges(ctx context.Context, q *model.ChangeQuery, a *account) ([]model.Change, error) {
	lives := map[string]*life{}
	filter := q.Filter
	filter.Time.Start = 0
	namespace, version, instance := model.NewLabelKey(namespaceKey), model.NewLabelKey("service.version"), model.NewLabelKey(instanceKey)
	note := func(resource *model.Resource, at model.Nanos) error {
		service := resource.Service()
		if service == "" || at == 0 {
			return nil
		}
		labels := model.Labels{Resource: resource}
		l := life{service: service, namespace: textOf(labels, namespace), version: textOf(labels, version), instance: textOf(labels, instance)}
		key := keyOf(l.service, l.namespace, l.version, l.instance)
		known, found := lives[key]
		if !found {
			known = &l
			lives[key] = known
			if err := a.take(tallyBytes + int64(len(key))); err != nil {
				return err
			}
		}
		known.extent.add(extent{at, at})
		return nil
	}
	events := s.scanEvents(model.EventQuery{Filter: filter}, a)
	if err := events.each(ctx, func(e *model.Event) error { return note(e.Resource, e.When()) }); err != nil {
		return nil, err
	}
	spans := s.scanSpans(model.TraceQuery{Filter: filter}, a)
	if err := spans.each(ctx, func(span *model.Span) error { return note(span.Resource, span.Start) }); err != nil {
		return nil, err
	}
	return concludeChanges(lives, q.Filter.Time), nil
}

// concludeChanges compares the lives of each service's versions and instances.
func concludeChanges(lives map[string]*life, over model.TimeRange) []model.Change {
	services := map[string][]*life{}
	for _, l := range lives {
		key := keyOf(l.service, l.namespace)
		services[key] = append(services[key], l)
	}
	var changes []model.Change
	for _, list := range services {
		slices.SortFunc(list, func(a, b *life) int {
			return cmp.Or(cmp.Compare(a.extent.oldest, b.extent.oldest), cmp.Compare(a.version, b.version), cmp.Compare(a.instance, b.instance))
		})
		for i, l := range list {
			if i == 0 || !over.Contains(l.extent.oldest) {
				continue // a service that is new is no change of one
			}
			if change, is := compareLives(list[:i], l); is {
				changes = append(changes, change)
			}
		}
	}
	return changes
}

// compareLives tells what a life means after those before it.
func compareLives(before []*life, l *life) (model.Change, bool) {
	change := model.Change{Time: l.extent.oldest, Service: l.service, Namespace: l.namespace, Instance: l.instance}
	latest := before[len(before)-1]
	sameVersion := slices.ContainsFunc(before, func(b *life) bool { return b.version == l.version })
	if !sameVersion {
		change.Type, change.From, change.To = model.ChangeDeployment, latest.version, l.version
		change.Summary = fmt.Sprintf("%s runs version %s (before %s)", l.service, orUnknown(l.version), orUnknown(latest.version))
		return change, true
	}
	if l.instance == "" || slices.ContainsFunc(before, func(b *life) bool { return b.instance == l.instance }) {
		return change, false
	}
	running := 0
	var ended *life // latest instance of the version that was seen last before this one began
	for _, b := range before {
		if b.version != l.version || b.instance == "" {
			continue
		}
		if b.extent.newest >= l.extent.oldest {
			running++
		} else if ended == nil || b.extent.newest > ended.extent.newest {
			ended = b
		}
	}
	switch {
	case ended != nil:
		change.Type, change.From, change.To = model.ChangeRestart, ended.instance, l.instance
		change.Summary = fmt.Sprintf("instance %s of %s took the place of %s", l.instance, l.service, ended.instance)
	case running > 0:
		change.Type, change.From, change.To = model.ChangeScale, fmt.Sprint(running), fmt.Sprint(running+1)
		change.Summary = fmt.Sprintf("%s has %d instances (before %d)", l.service, running+1, running)
	default:
		return change, false
	}
	return change, true
}

func orUnknown(version string) string {
	if version == "" {
		return "unknown"
	}
	return version
}
