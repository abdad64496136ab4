// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package tapioextension

import (
	"fmt"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.uber.org/zap"

	"github.com/tapio/tapio/internal/panics"
)

// recoveredAfter is how long no panic must occur for the status to be OK again.
const recoveredAfter = 5 * time.Minute

// panicLog counts the panics of the extension, its API and its store, logs the stack
// of each place once, and reports it to the collector.
type panicLog struct {
	logger *zap.Logger
	count  panics.Count

	mu       sync.Mutex // guards what follows
	last     error      // nil once it is long ago
	at       time.Time
	reported bool
}

// add takes note of a panic.
func (p *panicLog) add(err error) {
	if stack := p.count.Add(err); stack != "" {
		p.logger.Error("recovered from a panic; please report this", zap.Error(err), zap.String("stack", stack))
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last, p.at = err, time.Now()
}

// report brings the status of the extension up to date.
func (p *panicLog) report(host component.Host, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.last != nil && now.Sub(p.at) >= recoveredAfter {
		p.last = nil
	}
	switch {
	case p.last != nil && !p.reported:
		p.reported = true
		componentstatus.ReportStatus(host, componentstatus.NewRecoverableErrorEvent(fmt.Errorf("the extension recovered from a panic: %w", p.last)))
	case p.last == nil && p.reported:
		p.reported = false
		componentstatus.ReportStatus(host, componentstatus.NewEvent(componentstatus.StatusOK))
	}
}
