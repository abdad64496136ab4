// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package tapioextension

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.uber.org/zap"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/recordmetrics"
)

// pointPath is the way of metrics that the extension makes into the pipelines.
type pointPath struct {
	mu       sync.RWMutex // held for reading during a write, so that detach waits
	sink     model.PointSink
	attached component.ID
}

var errNoMetricsReceiver = errors.New("no tapio receiver feeds a metrics pipeline: " +
	"add `receivers: {tapio: {extension: tapio}}` and `tapio` to service::pipelines::metrics::receivers")

// AttachPoints makes the receiver the way into a metrics pipeline for what the extension
// counts and its rules record. detach waits for writes under way.
func (e *tapioExtension) AttachPoints(receiver component.ID, sink model.PointSink) (detach func(), err error) {
	if e.store == nil {
		return nil, fmt.Errorf("extension %q is not started: add it to service::extensions", e.set.ID)
	}
	p := &e.points
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.sink != nil {
		return nil, fmt.Errorf("extension %q passes its metrics through the receiver %q already: remove %q, or give it an extension of its own",
			e.set.ID, p.attached, receiver)
	}
	p.sink, p.attached = sink, receiver
	return sync.OnceFunc(p.detach), nil
}

func (p *pointPath) detach() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sink = nil
}

// WritePoints passes points into the metrics pipeline.
func (e *tapioExtension) WritePoints(ctx context.Context, points []model.Point) error {
	e.points.mu.RLock()
	defer e.points.mu.RUnlock()
	if e.points.sink == nil {
		return errNoMetricsReceiver
	}
	return e.points.sink.WritePoints(ctx, points)
}

// AttachProfiles makes the receiver the way into a profiles pipeline for what clients
// upload. detach waits for writes under way.
func (e *tapioExtension) AttachProfiles(receiver component.ID, sink model.ProfileSink) (detach func(), err error) {
	if e.store == nil {
		return nil, fmt.Errorf("extension %q is not started: add it to service::extensions", e.set.ID)
	}
	detach, err = e.api.Profiles.Attach(receiver.String(), sink)
	if err != nil {
		return nil, fmt.Errorf("extension %q: %w", e.set.ID, err)
	}
	return detach, nil
}

// WriteEvents passes events into the logs pipeline.
func (e *tapioExtension) WriteEvents(ctx context.Context, events []model.Event) error {
	return e.api.Events.WriteEvents(ctx, events)
}

// RecordCounters are the running counts of records, which the tapio exporter keeps.
func (e *tapioExtension) RecordCounters() *recordmetrics.Counters { return e.counters }

// countRecords writes the counts of records from time to time.
func (e *tapioExtension) countRecords(ctx context.Context) {
	ticker := time.NewTicker(e.cfg.RecordMetrics.Interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case at := <-ticker.C:
			e.writeCounts(ctx, at)
		}
	}
}

// writeCounts writes the counts once. Where no receiver takes them they stay counts.
func (e *tapioExtension) writeCounts(ctx context.Context, at time.Time) {
	points := e.counters.Points(model.RecordMetricsScope, at)
	if len(points) == 0 {
		return
	}
	if err := e.WritePoints(ctx, points); err != nil && !errors.Is(err, errNoMetricsReceiver) {
		e.set.Logger.Warn("failed to write the counts of log records and spans", zap.Error(err))
	}
}
