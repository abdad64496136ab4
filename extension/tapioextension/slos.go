// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package tapioextension

import (
	"context"
	"time"

	"go.uber.org/zap"

	"github.com/tapio/tapio/extension/tapioextension/internal/slo"
	"github.com/tapio/tapio/internal/model"
)

func (e *tapioExtension) sloOptions() slo.Options {
	cfg := &e.cfg.SLOs
	return slo.Options{
		Objectives: cfg.objectives(), Alerts: cfg.alerts(), MinFailures: float64(cfg.MinFailures),
		Automatic: slo.Automatic{
			Enabled: cfg.Automatic.Enabled, Alerts: cfg.Automatic.BurnAlerts, After: cfg.Automatic.After,
			MinRequests: cfg.Automatic.MinRequests, MaxObjectives: cfg.Automatic.MaxObjectives, Window: cfg.Window,
		},
		MemoryLimit: int64(cfg.MemoryLimit), Now: time.Now,
		Write:  func(ctx context.Context, events []model.Event) error { return e.api.Events.WriteOwn(ctx, events) },
		Failed: func(err error) { e.set.Logger.Warn("failed to write service level objectives", zap.Error(err)) },
	}
}

// ObserveSpans counts the requests that stored spans report against the objectives.
// The tapio exporter calls it with all spans that it stores.
func (e *tapioExtension) ObserveSpans(spans []model.Span) {
	if slos := e.slos; slos != nil {
		slos.Observe(spans)
	}
	e.shared.Observe(spans)
}
