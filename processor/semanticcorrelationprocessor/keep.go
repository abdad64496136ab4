// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package semanticcorrelationprocessor

import (
	"maps"
	"slices"
	"strings"

	"go.opentelemetry.io/collector/component"

	"github.com/tapio/tapio/internal/correlate"
)

// engineKeeper is what an extension offers that lives longer than a configuration. A
// reload builds every component again; the engine goes on with its baselines and open
// incidents if the extension kept it.
type engineKeeper interface {
	// AttachEngine makes the groups of the component's engine known that are open, and
	// returns the id that its findings carry, the same for all engines of one store.
	AttachEngine(id component.ID, open func() []string) string
	// KeepEngine takes what TakeEngine returns after a reload. It refuses where no reload
	// can come.
	KeepEngine(id component.ID, engine any) bool
	// TakeEngine returns what was kept, nil for nothing that fits.
	TakeEngine(id component.ID, fits func(any) bool) any
}

// kept is an engine between two configurations.
type kept struct {
	config   correlate.Config
	thinking thinker
	clock    clock
}

// keeperIn returns the first of the extensions, by id, that keeps engines.
func keeperIn(host component.Host) engineKeeper {
	extensions := host.GetExtensions()
	ids := slices.SortedFunc(maps.Keys(extensions), func(a, b component.ID) int { return strings.Compare(a.String(), b.String()) })
	for _, id := range ids {
		if keeper, ok := extensions[id].(engineKeeper); ok {
			return keeper
		}
	}
	return nil
}

// adopt goes on with the engine of the configuration before, if it has the same settings.
func (e *engine) adopt(host component.Host) {
	if e.keeper = keeperIn(host); e.keeper == nil {
		return
	}
	same := func(earlier any) bool {
		k, ok := earlier.(*kept)
		return ok && k.config == e.config
	}
	if earlier, ok := e.keeper.TakeEngine(e.id, same).(*kept); ok {
		e.mu.Lock()
		least := e.clock.least
		e.thinking, e.clock, e.adopted = earlier.thinking, earlier.clock, true
		e.clock.least, e.clock.lateness = least, max(least, e.clock.lateness)
		e.think(func() { interest := e.thinking.Interest(); e.interest.Store(&interest) })
		e.mu.Unlock()
	}
	e.outbox.identify(e.keeper.AttachEngine(e.id, e.open))
}

// open lists the groups that go on.
func (e *engine) open() (ids []string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.think(func() { ids = e.thinking.Open() })
	return ids
}

// handOver keeps the engine for the next configuration, if there is a place for it.
func (e *engine) handOver() bool {
	if e.keeper == nil {
		return false
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.keeper.KeepEngine(e.id, &kept{config: e.config, thinking: e.thinking, clock: e.clock})
}

// close judges what was observed, and closes what is open.
func (e *engine) close() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.think(func() {
		e.flush(e.clock.newest)
		e.outbox.add(e.thinking.Close())
	})
}
