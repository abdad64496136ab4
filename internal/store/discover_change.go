// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/cespare/xxhash/v2"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/semconv"
	"github.com/tapio/tapio/internal/store/budget"
)

// GetChanges implements query.Discoverer. Changes are what events report, and what
// the resources of log records and spans show: a version or an instance of a
// service that was not there before.
func (s *Store) GetChanges(ctx context.Context, q model.ChangeQuery) (model.Page[model.Change], error) {
	if after := q.Paging.After; !after.IsZero() && after.Epoch != s.epoch {
		return model.Page[model.Change]{}, model.InvalidField("filter.page_token",
			"is of a store that is gone, for the server was restarted: begin again without a token")
	}
	a := s.budget.Account(ctx)
	defer a.Close()
	changes, err := s.reportedChanges(ctx, &q, a)
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
		id := model.ListKey(c.Service, c.Namespace, c.Instance, c.From, c.To, c.EventID, c.Summary)
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

// ChangeEvents returns the queries for the log records that may report a change. Some
// records may be selected by both.
func ChangeEvents(filter model.Filter) []model.EventQuery {
	if filter.Invert {
		return []model.EventQuery{{Filter: filter, Kind: model.EventsOnly}}
	}
	named := filter
	for _, known := range changeNames() {
		named.EventNames = append(slices.Clone(named.EventNames), known.prefix+"*")
	}
	return []model.EventQuery{{Filter: named, Kind: model.EventsOnly}, {Filter: ofKubernetes(filter)}}
}

// reportedChanges returns the changes that events report.
func (s *Store) reportedChanges(ctx context.Context, q *model.ChangeQuery, a *budget.Account) ([]model.Change, error) {
	var changes []model.Change
	flags := flagUses{}
	queries := ChangeEvents(q.Filter)
	events := s.scanEvents(queries[0], a)
	use := func(e *model.Event) error {
		if e.Name == flagEvaluation {
			return flags.note(e, a)
		}
		kind := changeTypeOf(e)
		if kind == model.ChangeUnspecified {
			return nil
		}
		s.Identify(e)
		change := changeOf(kind, e)
		changes = append(changes, change)
		return a.Take(tallyBytes + int64(len(change.Summary)))
	}
	if err := events.each(ctx, use); err != nil {
		return nil, err
	}
	if len(queries) > 1 {
		events = s.scanEvents(queries[1], a)
		others := func(e *model.Event) error {
			if e.Name != "" && model.MatchName(queries[0].Filter.EventNames, e.Name) {
				return nil // was read above
			}
			return use(e)
		}
		if err := events.each(ctx, others); err != nil {
			return nil, err
		}
	}
	return append(changes, flags.changes()...), nil
}

// changeTypeOf returns what kind of change an event reports.
func changeTypeOf(e *model.Event) model.ChangeType {
	name := e.Name
	if kind, found := e.Attributes.Get(semconv.ChangeType); found {
		name = kind.Text()
	}
	if reason, found := e.Attributes.Get(kubernetesReason); found {
		return kubernetesChange(reason.Text())
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
		{semconv.EventChange, model.ChangeOther},
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
		Type: kind, Time: e.When(), Service: text(semconv.ChangeService, semconv.ServiceName), Namespace: text(namespaceKey),
		Instance: text(instanceKey, semconv.CollectorID),
		From:     text(semconv.ChangeFrom), To: text(semconv.ChangeTo, semconv.CollectorConfigVersion, semconv.FeatureFlagResultVariant),
		Summary: summary, EventID: e.ID, EventName: e.Name,
	}
}
