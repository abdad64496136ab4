// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package semanticcorrelationprocessor

import (
	"context"
	"sync"
	"time"

	"go.opentelemetry.io/collector/consumer"
	"go.uber.org/zap"

	"github.com/tapio/tapio/internal/losslog"
	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/otlp"
	"github.com/tapio/tapio/internal/panics"
	"github.com/tapio/tapio/internal/semconv"
)

// Reasons for which a finding was not sent.
const (
	reasonFull    = "outbox_full"
	reasonRefused = "refused"
)

// maxOutboxBytes bounds the findings that wait because the logs pipeline is
// slow. Records of other signals do not wait with them.
const maxOutboxBytes = 16 << 20

// outbox holds findings until the logs pipeline has taken them.
type outbox struct {
	losses   *losslog.Log
	panicked func(error)
	filled   chan struct{} // has room for one: there is something to send

	sending sync.Mutex // one sends at a time, so that revisions keep their order

	mu      sync.Mutex // guards what follows
	engine  string     // identifies the engine in its findings, "" for nothing
	outlets []consumer.Logs
	waiting []model.Event
	bytes   int
	sent    map[string]uint64 // by event name
	made    map[string]uint64 // by event name, without updates
	dropped map[string]uint64 // by reason
}

func newOutbox(logger *zap.Logger, panicked func(error)) *outbox {
	return &outbox{
		losses: losslog.New(logger, "findings were lost", "findings", time.Now), panicked: panicked, filled: make(chan struct{}, 1),
		sent: map[string]uint64{}, made: map[string]uint64{}, dropped: map[string]uint64{},
	}
}

// offer makes a logs pipeline known. Findings leave through the first, once.
func (o *outbox) offer(next consumer.Logs) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.outlets = append(o.outlets, next)
}

// outlet is where findings leave, nil if nowhere.
func (o *outbox) outlet() consumer.Logs {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.outlets) == 0 {
		return nil
	}
	return o.outlets[0]
}

// add puts findings in, as far as there is room.
func (o *outbox) add(findings []model.Finding) {
	if len(findings) == 0 {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, finding := range findings {
		event := otlp.EventFromFinding(finding)
		if finding.Identity().Revision <= 1 {
			o.made[event.Name]++
		}
		size := event.Size()
		if o.bytes+size > maxOutboxBytes {
			o.dropped[reasonFull]++
			o.losses.Add(reasonFull, 1, nil)
			continue
		}
		o.bytes += size
		o.waiting = append(o.waiting, event)
	}
	select {
	case o.filled <- struct{}{}:
	default: // known already
	}
}

// send passes on all that waits.
func (o *outbox) send(ctx context.Context) {
	o.sending.Lock()
	defer o.sending.Unlock()
	events, engine := o.take()
	if len(events) == 0 {
		return
	}
	now := model.Nanos(time.Now().UnixNano())
	for i := range events {
		events[i].ObservedTime = now
		if engine != "" {
			events[i].Attributes = append(events[i].Attributes, model.KeyValue{Key: semconv.FindingEngine, Value: model.StringValue(engine)})
		}
	}
	err := o.pass(ctx, events)
	o.count(events, err)
	if err != nil {
		o.losses.Add(reasonRefused, uint64(len(events)), err)
	}
}

// pass hands events to the logs pipeline. A panic there is an error as well.
func (o *outbox) pass(ctx context.Context, events []model.Event) (err error) {
	if panicked := panics.Catch(func() { err = o.outlet().ConsumeLogs(ctx, otlp.LogsFromEvents(events)) }); panicked != nil {
		o.panicked(panicked)
		return panicked
	}
	return err
}

func (o *outbox) take() (events []model.Event, engine string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	events = o.waiting
	o.waiting, o.bytes = nil, 0
	return events, o.engine
}

// identify sets the id of the engine that findings carry from now on.
func (o *outbox) identify(engine string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.engine = engine
}

// identity returns the id that findings of the engine carry, "" for none.
func (o *outbox) identity() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.engine
}

func (o *outbox) count(events []model.Event, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err != nil {
		o.dropped[reasonRefused] += uint64(len(events))
		return
	}
	for i := range events {
		o.sent[events[i].Name]++
	}
}
