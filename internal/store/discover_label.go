// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"strings"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/store/budget"
	"github.com/tapio/tapio/internal/store/intern"
)

// tally counts records by a text.
type tally struct {
	account *budget.Account
	counts  map[string]*labelTally
}

// labelTally is what is counted of one label, or of one value.
type labelTally struct {
	records uint64
	signals model.Signals
}

func newTally(a *budget.Account) *tally { return &tally{account: a, counts: map[string]*labelTally{}} }

func (t *tally) add(text string, n uint64, signal model.Signal) error {
	l, known := t.counts[text]
	if !known {
		if err := t.account.Take(intern.InternBytes + int64(len(text))); err != nil {
			return err
		}
		l = &labelTally{}
		t.counts[text] = l
	}
	l.records += n
	l.signals = l.signals.With(signal)
	return nil
}

// eachRecord shows the labels of all selected records and series.
func (s *Store) eachRecord(
	ctx context.Context, q *model.LabelQuery, a *budget.Account,
	merge func(*segmentLabels, model.Signal) (bool, error), use func(labels model.Labels, own ownFacts, signal model.Signal) error,
) error {
	wants := func(signal model.Signal) bool { return q.Signal == model.SignalUnspecified || q.Signal == signal }
	if wants(model.SignalLogs) && len(q.Metrics) == 0 {
		events, of := s.scanEvents(model.EventQuery{Filter: q.Filter}, a), eventFacts()
		add := func(known *summary) (bool, error) { return merge(&known.labels, model.SignalLogs) }
		err := events.eachOr(ctx, add, func(e *model.Event) error {
			return use(e.Labels(), func(name string) (string, bool) { return of.dimension(e, name) }, model.SignalLogs)
		})
		if err != nil {
			return err
		}
	}
	if wants(model.SignalTraces) && len(q.Metrics) == 0 {
		spans, of := s.scanSpans(model.TraceQuery{Filter: q.Filter}, a), spanFacts()
		add := func(known *summary) (bool, error) { return merge(&known.labels, model.SignalTraces) }
		err := spans.eachOr(ctx, add, func(span *model.Span) error {
			return use(span.Labels(), func(name string) (string, bool) { return of.dimension(span, name) }, model.SignalTraces)
		})
		if err != nil {
			return err
		}
	}
	if !wants(model.SignalMetrics) {
		return nil
	}
	return s.countSeries(ctx, &q.Filter, q.Metrics, a, func(series *model.Series, _ func(*extent)) error {
		return use(series.Labels(), seriesFacts(series), model.SignalMetrics)
	})
}

// ownFacts returns what a record has under the name of a dimension.
type ownFacts func(name string) (string, bool)

func seriesFacts(series *model.Series) ownFacts {
	return func(name string) (string, bool) { return series.Metric.Name, name == model.DimensionName }
}

// ListLabels implements query.Discoverer.
func (s *Store) ListLabels(ctx context.Context, q model.LabelQuery) (model.List[model.LabelInfo], error) {
	a := s.budget.Account(ctx)
	defer a.Close()
	t := newTally(a)
	merge := func(known *segmentLabels, signal model.Signal) (bool, error) {
		return true, t.mergeLabels(known, q.Prefix, signal)
	}
	err := s.eachRecord(ctx, &q, a, merge, func(labels model.Labels, _ ownFacts, signal model.Signal) (err error) {
		eachLabel(labels, func(name string, _ model.Value) {
			if err == nil && strings.HasPrefix(name, q.Prefix) {
				err = t.add(name, 1, signal)
			}
		})
		return err
	})
	if err != nil {
		return model.List[model.LabelInfo]{}, err
	}
	items := make([]listed[model.LabelInfo], 0, len(t.counts))
	for name, l := range t.counts {
		items = append(items, listed[model.LabelInfo]{
			item: model.LabelInfo{Name: name, Signals: l.signals, Records: l.records}, place: model.ListPlace{Key: model.ListKey(name), Count: l.records},
		})
	}
	return pageOf(items, q.Paging), nil
}

// ListLabelValues implements query.Discoverer.
func (s *Store) ListLabelValues(ctx context.Context, q model.LabelQuery) (model.List[model.LabelValue], error) {
	a := s.budget.Account(ctx)
	defer a.Close()
	t, key := newTally(a), model.NewLabelKey(q.Label)
	merge := func(known *segmentLabels, signal model.Signal) (bool, error) {
		return t.mergeValues(known, key, q.Prefix, signal)
	}
	err := s.eachRecord(ctx, &q, a, merge, func(labels model.Labels, own ownFacts, signal model.Signal) error {
		v, found := labels.Get(key)
		text := v.Text()
		if !found {
			text, found = own(q.Label)
		}
		if !found || !strings.HasPrefix(text, q.Prefix) {
			return nil
		}
		return t.add(text, 1, signal)
	})
	if err != nil {
		return model.List[model.LabelValue]{}, err
	}
	items := make([]listed[model.LabelValue], 0, len(t.counts))
	for value, l := range t.counts {
		items = append(items, listed[model.LabelValue]{
			item: model.LabelValue{Value: value, Records: l.records}, place: model.ListPlace{Key: model.ListKey(value), Count: l.records},
		})
	}
	return pageOf(items, q.Paging), nil
}
