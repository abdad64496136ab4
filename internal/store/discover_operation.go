// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"strconv"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/semconv"
	"github.com/tapio/tapio/internal/store/budget"
)

// operationKey identifies an operation.
type operationKey struct {
	service, name string
	kind          int32
}

// operationTallies counts operations.
type operationTallies struct {
	account *budget.Account
	service model.LabelKey
	tallies map[operationKey]*requests
}

func newOperationTallies(a *budget.Account) *operationTallies {
	return &operationTallies{account: a, service: model.NewLabelKey(semconv.ServiceName), tallies: map[operationKey]*requests{}}
}

func (t *operationTallies) of(key operationKey) (*requests, error) {
	tally, known := t.tallies[key]
	if !known {
		if err := t.account.Take(tallyBytes + int64(len(key.service)+len(key.name))); err != nil {
			return nil, err
		}
		tally = &requests{}
		t.tallies[key] = tally
	}
	return tally, nil
}

func (t *operationTallies) span(span *model.Span) error {
	return t.spanOf(textOf(span.Labels(), t.service), span)
}

func (t *operationTallies) spanOf(service string, span *model.Span) error {
	tally, err := t.of(operationKey{service, span.Name, span.Kind})
	if err != nil {
		return err
	}
	tally.addSpan(span)
	return nil
}

// merge adds the operations of a segment that are selected.
func (t *operationTallies) merge(other *operationTallies, selected func(operationKey) bool) error {
	for key, from := range other.tallies {
		if !selected(key) {
			continue
		}
		to, err := t.of(key)
		if err != nil {
			return err
		}
		to.merge(from)
	}
	return nil
}

// ListOperations implements query.Discoverer.
func (s *Store) ListOperations(ctx context.Context, q model.OperationQuery) (model.List[model.Operation], error) {
	a := s.budget.Account(ctx)
	defer a.Close()
	t := newOperationTallies(a)
	spans := s.scanSpans(model.TraceQuery{Filter: q.Filter, Kinds: q.Kinds}, a)
	// Summaries know the service and the kind of operations.
	spans.whole = isWholeOfServices(&q.Filter)
	selected := func(key operationKey) bool {
		return isAmong(q.Filter.Services, key.service) && isAmong(q.Kinds, key.kind)
	}
	merge := func(known *summary) (bool, error) { return true, t.merge(known.operations, selected) }
	if err := spans.eachOr(ctx, merge, t.span); err != nil {
		return model.List[model.Operation]{}, err
	}
	items := make([]listed[model.Operation], 0, len(t.tallies))
	over := s.covered(q.Filter.Time)
	for key, tally := range t.tallies {
		items = append(items, listed[model.Operation]{
			item: model.Operation{
				Service: key.service, Name: key.name, Kind: key.kind, RED: tally.red(over),
				First: tally.extent.oldest, Last: tally.extent.newest,
			},
			place: model.ListPlace{Key: model.ListKey(key.service, key.name, strconv.Itoa(int(key.kind))), Count: tally.count},
		})
	}
	return pageOf(items, q.Paging), nil
}
