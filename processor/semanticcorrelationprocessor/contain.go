// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package semanticcorrelationprocessor

import (
	"fmt"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.uber.org/zap"

	"github.com/tapio/tapio/internal/correlate"
	"github.com/tapio/tapio/internal/panics"
)

// Correlation is advice: a panic in it must not keep telemetry from going on. It is
// recovered, counted and reported as the component's status, and the data passes.

// think runs what uses the engine. After a panic its state cannot be relied on, so
// a new engine takes its place, which has to learn its baselines again. The caller
// holds mu.
func (e *engine) think(f func()) {
	err := panics.Catch(f)
	if err == nil {
		return
	}
	e.health.panicked(err)
	fresh, err := e.rebuild()
	if err != nil { // cannot be: the configuration was valid before
		e.health.logger.Error("failed to rebuild the correlation engine; it keeps its state", zap.Error(err))
		return
	}
	e.thinking = fresh
	e.interest.Store(new(correlate.Interest))
}

// contain runs what prepares records for the engine and marks them.
func (e *engine) contain(f func()) {
	if err := panics.Catch(f); err != nil {
		e.health.panicked(err)
	}
}

// recoveredAfter is how long no panic must occur for the status to be OK again.
const recoveredAfter = 5 * time.Minute

// health counts panics and reports them to the collector.
type health struct {
	logger *zap.Logger
	count  panics.Count

	mu       sync.Mutex // guards what follows
	hosts    []component.Host
	last     error
	at       time.Time // of the last panic
	reported error     // of the status, nil for OK
}

// add makes the host of one more pipeline known.
func (h *health) add(host component.Host) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.hosts = append(h.hosts, host)
}

// panicked counts a panic. Its stack is logged once.
func (h *health) panicked(err error) {
	if stack := h.count.Add(err); stack != "" {
		h.logger.Error("recovered from a panic in the correlation engine; its state is dropped, telemetry goes on",
			zap.Error(err), zap.String("stack", stack))
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.last, h.at = err, time.Now()
}

// report brings the component's status up to date. It is called where no record
// waits for it.
func (h *health) report(now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.last != nil && now.Sub(h.at) >= recoveredAfter {
		h.last = nil
	}
	if (h.last == nil) == (h.reported == nil) {
		return
	}
	h.reported = h.last
	event := componentstatus.NewEvent(componentstatus.StatusOK)
	if h.last != nil {
		event = componentstatus.NewRecoverableErrorEvent(fmt.Errorf("the correlation engine was rebuilt after a %w", h.last))
	}
	for _, host := range h.hosts {
		componentstatus.ReportStatus(host, event)
	}
}
