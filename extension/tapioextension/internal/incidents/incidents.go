// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package incidents closes incidents that no correlation engine reports any more: after a
// crash, or after a reload that the engine did not survive. An engine reports each open
// group at least once a minute; what the store holds as open and no engine knows of would
// stay open for ever.
package incidents

import (
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/otlp"
	"github.com/tapio/tapio/internal/semconv"
)

const (
	// remoteSilence is how long the engine of another collector may report nothing of an
	// open group. Its reports may wait in queues and retries.
	remoteSilence = 5 * time.Minute
	// sweepEvery is how often open groups are looked through. A group of an engine of this
	// collector is closed when two sweeps in a row find that the engine does not know it:
	// its last report may be on the way.
	sweepEvery = 5 * time.Second
	// maxOpen bounds the groups that are watched, maxInsights the insights of each.
	maxOpen     = 2000
	maxInsights = 16
)

// Watch knows the open groups of a store, and the engines of this collector. It outlives a
// reload of the configuration.
type Watch struct {
	mu        sync.Mutex // guards what follows
	open      map[string]*group
	insights  map[string]string // id of an insight's record by the id of the insight
	engines   map[component.ID]engine
	position  uint64 // in the store, up to which it was read
	closed    uint64
	forgotten uint64
}

// group is an open group.
type group struct {
	record   string // id of its latest record
	revision uint64
	engine   string    // id that its findings carry
	seen     time.Time // when its latest record was read
	insights []string  // ids
	missed   bool      // by the sweep before, at this revision
}

// engine is one of this collector: running, or kept between two configurations.
type engine struct {
	groups func() []string // of its open groups, nil while it does not run
	kept   any
}

// New makes a watch.
func New() *Watch {
	return &Watch{open: map[string]*group{}, insights: map[string]string{}, engines: map[component.ID]engine{}}
}

// Attach makes the open groups of a running engine known.
func (w *Watch) Attach(id component.ID, groups func() []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.engines[id] = engine{groups: groups}
}

// Keep holds an engine until Take, or until Settle.
func (w *Watch) Keep(id component.ID, kept any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.engines[id] = engine{kept: kept}
}

// Take returns what was kept, nil for nothing that fits.
func (w *Watch) Take(id component.ID, fits func(any) bool) any {
	w.mu.Lock()
	defer w.mu.Unlock()
	kept := w.engines[id].kept
	if kept == nil || !fits(kept) {
		return nil
	}
	delete(w.engines, id)
	return kept
}

// Settle gives up the engines that no configuration took.
func (w *Watch) Settle() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for id, e := range w.engines {
		if e.groups == nil {
			delete(w.engines, id)
		}
	}
}

// Closed and Forgotten return the counts of groups since the watch began.
func (w *Watch) Closed() uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.closed
}

// Forgotten returns how many open groups are not watched, because too many were open.
func (w *Watch) Forgotten() uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.forgotten
}

// Observe takes the record of a finding.
func (w *Watch) Observe(record *model.Event, now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch f := otlp.FindingFromEvent(record).(type) {
	case *model.SemanticGroup:
		w.observeGroup(f, record, now)
	case *model.Insight:
		w.observeInsight(f, record)
	}
}

func (w *Watch) observeGroup(found *model.SemanticGroup, record *model.Event, now time.Time) {
	g := w.open[found.ID]
	if found.State.Ended() {
		w.forget(found.ID)
		return
	}
	if g == nil {
		w.makeRoom()
		g = &group{}
		w.open[found.ID] = g
	}
	engine, _ := record.Attributes.Get(semconv.FindingEngine)
	g.record, g.revision, g.engine, g.seen, g.missed = record.ID, found.Revision, engine.Str(), now, false
}

// observeInsight follows the group's record, in the order in which an engine sends them.
func (w *Watch) observeInsight(found *model.Insight, record *model.Event) {
	g := w.open[found.GroupID]
	if g == nil {
		return
	}
	if !slices.Contains(g.insights, found.ID) {
		if len(g.insights) >= maxInsights {
			return
		}
		g.insights = append(g.insights, found.ID)
	}
	w.insights[found.ID] = record.ID
}

// makeRoom forgets the group that was reported the longest ago.
func (w *Watch) makeRoom() {
	if len(w.open) < maxOpen {
		return
	}
	oldest := ""
	for id, g := range w.open {
		if oldest == "" || g.seen.Before(w.open[oldest].seen) {
			oldest = id
		}
	}
	w.forget(oldest)
	w.forgotten++
}

func (w *Watch) forget(id string) {
	g := w.open[id]
	if g == nil {
		return
	}
	for _, insight := range g.insights {
		delete(w.insights, insight)
	}
	delete(w.open, id)
}
