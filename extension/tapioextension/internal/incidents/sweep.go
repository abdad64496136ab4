// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package incidents

import (
	"context"
	"fmt"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/tapio/tapio/internal/correlate/report"
	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/otlp"
	"github.com/tapio/tapio/internal/store"
)

// Options is what Run needs.
type Options struct {
	Store *store.Store
	// Engine is the id that the findings of this collector's engines carry.
	Engine string
	// Write passes records into the logs pipeline.
	Write  func(context.Context, []model.Event) error
	Logger *zap.Logger
}

// Run reads the findings of the store and closes groups until the context ends.
func (w *Watch) Run(ctx context.Context, options Options) {
	tail := options.Store.TailEvents(model.EventQuery{
		Kind:   model.EventsOnly,
		Filter: model.Filter{EventNames: []string{model.SemanticGroupEvent, model.InsightEvent}},
	}, model.Start{Resume: true, After: w.readUpTo()})
	ticker := time.NewTicker(sweepEvery)
	defer ticker.Stop()
	failed := false
	for {
		for more := true; more && ctx.Err() == nil; {
			var rows []model.Event
			rows, _, more = tail.Poll(pollRows)
			w.read(rows, tail.Position())
		}
		err := w.sweep(ctx, options, time.Now())
		if err != nil && !failed && ctx.Err() == nil {
			options.Logger.Warn("failed to close incidents whose correlation engine stopped; trying again", zap.Error(err))
		}
		failed = err != nil
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// pollRows is how many findings are read at once.
const pollRows = 100

func (w *Watch) readUpTo() uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.position
}

func (w *Watch) read(rows []model.Event, position uint64) {
	now := time.Now()
	for i := range rows {
		w.Observe(&rows[i], now)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.position = position
}

// sweep closes the groups that no engine reports any more.
func (w *Watch) sweep(ctx context.Context, options Options, now time.Time) error {
	for _, lost := range w.lost(options.Engine, now) {
		events, err := lost.end(ctx, options.Store, now)
		if err != nil {
			return fmt.Errorf("read incident %s: %w", lost.id, err)
		}
		if len(events) > 0 { // else it was evicted
			if err := options.Write(ctx, events); err != nil {
				return fmt.Errorf("write the end of incident %s: %w", lost.id, err)
			}
		}
		w.mu.Lock()
		w.closed++
		w.forget(lost.id)
		w.mu.Unlock()
	}
	return nil
}

// lostGroup is a group to be closed.
type lostGroup struct {
	id      string
	records []string // of its insights and itself
}

// lost returns the groups that no engine reports any more.
func (w *Watch) lost(local string, now time.Time) []lostGroup {
	known := w.known() // without the lock: an engine takes its own
	w.mu.Lock()
	defer w.mu.Unlock()
	var list []lostGroup
	for id, g := range w.open {
		if g.engine != local {
			if now.Sub(g.seen) <= remoteSilence {
				continue
			}
		} else if missed := g.missed; slices.Contains(known, id) {
			g.missed = false
			continue
		} else if g.missed = true; !missed {
			continue
		}
		lost := lostGroup{id: id}
		for _, insight := range g.insights {
			lost.records = append(lost.records, w.insights[insight])
		}
		lost.records = append(lost.records, g.record)
		list = append(list, lost)
	}
	return list
}

// known lists the open groups of the engines that run here.
func (w *Watch) known() (ids []string) {
	w.mu.Lock()
	var engines []func() []string
	for _, e := range w.engines {
		if e.groups != nil {
			engines = append(engines, e.groups)
		}
	}
	w.mu.Unlock()
	for _, groups := range engines {
		ids = append(ids, groups()...)
	}
	return ids
}

// end makes the records that close the group.
func (l *lostGroup) end(ctx context.Context, kept *store.Store, now time.Time) ([]model.Event, error) {
	var events []model.Event
	for _, id := range l.records {
		last, found, err := kept.EventByID(ctx, id)
		if err != nil {
			return nil, err
		}
		if !found {
			continue
		}
		at := max(model.Nanos(now.UnixNano()), last.Time+1)
		finding := otlp.FindingFromEvent(&last)
		switch f := finding.(type) {
		case *model.SemanticGroup:
			report.CloseGroup(f, at)
		case *model.Insight:
			report.CloseInsight(f, at)
		}
		event := otlp.EventFromFinding(finding)
		event.ObservedTime = model.Nanos(now.UnixNano())
		events = append(events, event)
	}
	return events, nil
}
