// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	promrules "github.com/prometheus/prometheus/rules"

	tapio "github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/query"
	"github.com/tapio/tapio/internal/semconv"
)

const (
	// rememberPage is how many events are read at a time, and rememberEvents how many
	// at most. They are the changes of alerts, the newest first.
	rememberPage   = 1000
	rememberEvents = 20_000

	attributeID         = semconv.AlertID
	attributeName       = semconv.AlertName
	attributeState      = semconv.AlertState
	attributeGroup      = semconv.AlertGroup
	attributeFile       = semconv.AlertFile
	attributeExpression = semconv.AlertExpression
	attributeActiveAt   = semconv.AlertActiveAt
	labelPrefix         = "tapio.alert.label."
	annotationPrefix    = "tapio.alert.annotation."
)

// remember reads from the events of an evaluator before this one which alerts fire: a
// reload or a restart does not make them new.
func (a *alerts) remember(ctx context.Context, reader query.EventReader) error {
	q := tapio.EventQuery{Filter: tapio.Filter{EventNames: []string{AlertEvent}}, Paging: tapio.Paging{Limit: rememberPage}}
	seen := map[string]bool{}
	for read := 0; read < rememberEvents; {
		page, err := reader.QueryEvents(ctx, q)
		if err != nil {
			return err
		}
		for i := range page.Rows {
			e := &page.Rows[i]
			if e.Scope == nil || e.Scope.Name != tapio.RulesScope {
				continue
			}
			if c := changeFrom(e); c.ID != "" && !seen[c.ID] {
				seen[c.ID] = true
				a.keep(c)
			}
		}
		if read += len(page.Rows); page.Next.IsZero() {
			return nil
		}
		q.Paging.After = page.Next
	}
	return nil
}

// endWithoutGroup forgets the alerts of groups that are not evaluated any more, because their
// rules were removed, and returns that they ended.
func (a *alerts) endWithoutGroup(groups []*promrules.Group, at time.Time) []Change {
	a.mu.Lock()
	defer a.mu.Unlock()
	var list []Change
	for key, known := range a.known {
		if slices.ContainsFunc(groups, func(g *promrules.Group) bool { return promrules.GroupKey(g.File(), g.Name()) == key }) {
			continue
		}
		for _, id := range slices.Sorted(maps.Keys(known)) {
			list = append(list, known[id].end(at))
		}
		delete(a.known, key)
	}
	return list
}

// keep remembers an alert that fires.
func (a *alerts) keep(c Change) {
	if c.State != StateFiring {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	key := promrules.GroupKey(c.File, c.Group)
	if a.known[key] == nil {
		a.known[key] = map[string]Change{}
	}
	a.known[key][c.ID] = c
}

// changeFrom is the inverse of event.
func changeFrom(e *tapio.Event) Change {
	text := func(key string) string {
		v, _ := e.Attributes.Get(key)
		return v.Text()
	}
	c := Change{
		ID: text(attributeID), Name: text(attributeName), State: text(attributeState), File: text(attributeFile), Group: text(attributeGroup),
		Expression: text(attributeExpression), Labels: map[string]string{}, Annotations: map[string]string{},
		At: time.Unix(0, int64(e.When())), Remembered: true,
	}
	c.ActiveAt, _ = time.Parse(time.RFC3339Nano, text(attributeActiveAt)) // zero if it is not ours
	for i := range e.Attributes {
		kv := &e.Attributes[i]
		if name, is := strings.CutPrefix(kv.Key, labelPrefix); is {
			c.Labels[name] = kv.Value.Text()
		}
		if name, is := strings.CutPrefix(kv.Key, annotationPrefix); is {
			c.Annotations[name] = kv.Value.Text()
		}
	}
	return c
}
