// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package tapioextension

import (
	"context"
	"strconv"

	"go.opentelemetry.io/collector/component"

	"github.com/tapio/tapio/extension/tapioextension/internal/incidents"
	"github.com/tapio/tapio/internal/panics"
)

// incidentWatch is a watch that runs while pipelines do.
type incidentWatch struct {
	*incidents.Watch
	stop func() // nil while it does not run
}

// end stops the watch. It is safe without a start, and twice.
func (w *incidentWatch) end() {
	if w.stop != nil {
		w.stop()
	}
}

// AttachEngine makes the open groups of a correlation engine known, so that only those are
// closed that no engine knows. It returns the id that the engine's findings carry.
func (e *tapioExtension) AttachEngine(id component.ID, open func() []string) string {
	if e.store == nil {
		return ""
	}
	e.incidents.Attach(id, open)
	return e.engineID()
}

// KeepEngine holds an engine over a reload of the configuration. It refuses when the
// process ends.
func (e *tapioExtension) KeepEngine(id component.ID, engine any) bool {
	if e.store == nil || e.ends.pending() {
		return false
	}
	e.incidents.Keep(id, engine)
	return true
}

// TakeEngine returns the engine that was kept, nil for none that fits.
func (e *tapioExtension) TakeEngine(id component.ID, fits func(any) bool) any {
	if e.store == nil {
		return nil
	}
	return e.incidents.Take(id, fits)
}

// engineID is that of the engines whose findings this store gets first hand.
func (e *tapioExtension) engineID() string { return strconv.FormatUint(e.store.Epoch(), 16) }

// watchIncidents begins to close incidents that no engine reports any more.
func (e *tapioExtension) watchIncidents() {
	e.incidents.end()
	e.incidents.Settle()
	ctx, stop := context.WithCancel(context.Background())
	options := incidents.Options{Store: e.store, Engine: e.engineID(), Write: e.WriteEvents, Logger: e.set.Logger}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		panics.Restart(ctx.Done(), func() { e.incidents.Run(ctx, options) }, e.panics.add)
	}()
	e.incidents.stop = func() {
		stop()
		<-ended
	}
}
