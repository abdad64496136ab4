// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/semconv"
	"github.com/tapio/tapio/internal/store/budget"
)

// life is when a version or an instance of a service was seen.
type life struct {
	service, namespace, version, instance string
	extent                                extent
}

// lifeTallies finds the lives of services in the resources of records.
type lifeTallies struct {
	account                      *budget.Account
	namespace, version, instance model.LabelKey
	lives                        map[string]*life
	latest                       map[*model.Resource]*life // resources that were seen, nil for one without a service
}

// maxLatest is how many resources are remembered, so that those that are gone are
// forgotten.
const maxLatest = 4096

func newLifeTallies(a *budget.Account) *lifeTallies {
	return &lifeTallies{
		account: a, lives: map[string]*life{}, latest: map[*model.Resource]*life{},
		namespace: model.NewLabelKey(namespaceKey), version: model.NewLabelKey(semconv.ServiceVersion), instance: model.NewLabelKey(instanceKey),
	}
}

func (t *lifeTallies) note(resource *model.Resource, at model.Nanos) error {
	if at == 0 {
		return nil
	}
	known, found := t.latest[resource]
	if !found {
		var err error
		if known, err = t.of(resource); err != nil {
			return err
		}
		if len(t.latest) >= maxLatest {
			clear(t.latest)
		}
		t.latest[resource] = known
	}
	if known != nil {
		known.extent.add(extent{at, at})
	}
	return nil
}

func (t *lifeTallies) of(resource *model.Resource) (*life, error) {
	labels := model.Labels{Resource: resource}
	l := life{
		service: resource.Service(), namespace: textOf(labels, t.namespace), version: textOf(labels, t.version), instance: textOf(labels, t.instance),
	}
	if l.service == "" {
		return nil, nil
	}
	return t.keep(&l)
}

func (t *lifeTallies) keep(l *life) (*life, error) {
	key := model.ListKey(l.service, l.namespace, l.version, l.instance)
	known, found := t.lives[key]
	if !found {
		if err := t.account.Take(tallyBytes + int64(len(key))); err != nil {
			return nil, err
		}
		known = &life{service: l.service, namespace: l.namespace, version: l.version, instance: l.instance}
		t.lives[key] = known
	}
	return known, nil
}

func (t *lifeTallies) merge(other *lifeTallies) error {
	for _, l := range other.lives {
		known, err := t.keep(l)
		if err != nil {
			return err
		}
		known.extent.add(l.extent)
	}
	return nil
}

// shownChanges concludes changes from the resources of all records: what is older
// than the range reports what is new in it.
func (s *Store) shownChanges(ctx context.Context, q *model.ChangeQuery, a *budget.Account) ([]model.Change, error) {
	t := newLifeTallies(a)
	filter := q.Filter
	filter.Time.Start = 0
	merge := func(known *summary) (bool, error) { return true, t.merge(known.lives) }
	events := s.scanEvents(model.EventQuery{Filter: filter}, a)
	if err := events.eachOr(ctx, merge, func(e *model.Event) error { return t.note(e.Resource, e.When()) }); err != nil {
		return nil, err
	}
	spans := s.scanSpans(model.TraceQuery{Filter: filter}, a)
	if err := spans.eachOr(ctx, merge, func(span *model.Span) error { return t.note(span.Resource, span.Start) }); err != nil {
		return nil, err
	}
	return concludeChanges(t.lives, q.Filter.Time), nil
}

// concludeChanges compares the lives of each service's versions and instances.
func concludeChanges(lives map[string]*life, over model.TimeRange) []model.Change {
	services := map[string][]*life{}
	for _, l := range lives {
		key := model.ListKey(l.service, l.namespace)
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

// briefLife is how long an instance must have been seen to be one of a service. Commands
// that a program starts are seen for moments: their begin and end are no changes.
const briefLife = 5 * model.Nanos(1e9)

func (l *life) brief() bool { return l.extent.newest-l.extent.oldest < briefLife }

// versionBefore returns the version that the new one of a life replaces, "" for no
// new one. Not every signal of a service carries its version: none is no other one.
func versionBefore(before []*life, l *life) string {
	from := ""
	for _, b := range before {
		if b.version == l.version {
			return ""
		}
		from = cmp.Or(b.version, from)
	}
	if l.version == "" {
		return ""
	}
	return from
}

// compareLives reports what a life means after those before it.
func compareLives(before []*life, l *life) (model.Change, bool) {
	change := model.Change{Time: l.extent.oldest, Service: l.service, Namespace: l.namespace, Instance: l.instance}
	if from := versionBefore(before, l); from != "" {
		change.Type, change.From, change.To = model.ChangeDeployment, from, l.version
		change.Summary = fmt.Sprintf("%s runs version %s (before %s)", l.service, l.version, from)
		return change, true
	}
	if l.instance == "" || l.brief() || slices.ContainsFunc(before, func(b *life) bool { return b.instance == l.instance }) {
		return change, false
	}
	running := 0
	var ended *life // latest instance of the version that was seen last before this one began
	for _, b := range before {
		if b.version != l.version || b.instance == "" || b.brief() {
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
