// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package stream

import (
	"context"
	"math"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/tapio/tapio/extension/tapioextension/internal/admission"
	"github.com/tapio/tapio/internal/model"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// Pacer holds a subscription to the rate that its reader asked for.
type Pacer struct {
	BestEffort bool
	now        func() time.Time

	mu      sync.Mutex
	limiter *rate.Limiter // nil: no bound
}

// paced is what SubscribeToEventsRequest and Subscription have in common.
type paced interface {
	GetMaxEventsPerSecond() float64
	GetDelivery() tapiov1.DeliveryMode
}

// NewPacer reads how a subscription is to be delivered; field is what its paths
// begin with.
func NewPacer(req paced, field string, now func() time.Time) (*Pacer, error) {
	if err := CheckRate(field, req.GetMaxEventsPerSecond()); err != nil {
		return nil, err
	}
	p := &Pacer{now: now}
	switch req.GetDelivery() {
	case tapiov1.DeliveryMode_DELIVERY_MODE_BEST_EFFORT:
		p.BestEffort = true
	case tapiov1.DeliveryMode_DELIVERY_MODE_UNSPECIFIED, tapiov1.DeliveryMode_DELIVERY_MODE_AT_LEAST_ONCE:
	default:
		return nil, model.InvalidField(field+"delivery", "%d is no mode: use BEST_EFFORT or AT_LEAST_ONCE", req.GetDelivery())
	}
	p.SetRate(req.GetMaxEventsPerSecond())
	return p, nil
}

// CheckRate refuses what is no rate; field is what its path begins with.
func CheckRate(field string, perSecond float64) error {
	if perSecond < 0 || math.IsNaN(perSecond) || math.IsInf(perSecond, 0) {
		return model.InvalidField(field+"max_events_per_second", "must be above 0, or 0 for no bound, is %g", perSecond)
	}
	return nil
}

// SetRate puts a rate in force from the next event on; 0 is no bound.
func (p *Pacer) SetRate(perSecond float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if perSecond == 0 {
		p.limiter = nil
		return
	}
	p.limiter = admission.NewLimiter(perSecond)
}

func (p *Pacer) rate() *rate.Limiter {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.limiter
}

// Slowed wraps send: what exceeds the rate is left out and reported as a loss, or
// waits, as the subscription wants it.
func (p *Pacer) Slowed(ctx context.Context, send Sender[model.Event]) Sender[model.Event] {
	return func(events []model.Event, loss *tapiov1.Loss) error {
		limiter := p.rate()
		switch {
		case limiter == nil:
			return send(events, loss)
		case p.BestEffort:
			return p.leaveOut(limiter, events, loss, send)
		default:
			return p.wait(ctx, limiter, events, loss, send)
		}
	}
}

// wait sends a burst at a time.
func (p *Pacer) wait(
	ctx context.Context, limiter *rate.Limiter, events []model.Event, loss *tapiov1.Loss, send Sender[model.Event],
) error {
	for len(events) > 0 || loss != nil {
		n := min(len(events), limiter.Burst())
		if err := limiter.WaitN(ctx, n); err != nil {
			return err
		}
		if err := send(events[:n], loss); err != nil {
			return err
		}
		events, loss = events[n:], nil
	}
	return nil
}

// leaveOut sends as many as the rate allows now, and reports the rest as lost.
func (p *Pacer) leaveOut(limiter *rate.Limiter, events []model.Event, loss *tapiov1.Loss, send Sender[model.Event]) error {
	now := p.now()
	n := min(len(events), int(max(limiter.TokensAt(now), 0)))
	limiter.AllowN(now, n)
	if n > 0 || loss != nil {
		if err := send(events[:n], loss); err != nil {
			return err
		}
	}
	if n == len(events) {
		return nil
	}
	left := events[n:]
	return send(nil, &tapiov1.Loss{
		Reason: tapiov1.Loss_REASON_RATE_LIMITED, Count: uint64(len(left)),
		FirstSequence: left[0].Seq, LastSequence: left[len(left)-1].Seq,
	})
}
