// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"math"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/protoconv"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// pacer holds a subscription to the rate that its reader asked for.
type pacer struct {
	bestEffort bool
	now        func() time.Time

	mu      sync.Mutex
	limiter *rate.Limiter // nil: no bound
}

// paced is what SubscribeToEventsRequest and Subscription have in common.
type paced interface {
	GetMaxEventsPerSecond() float64
	GetDelivery() tapiov1.DeliveryMode
}

// newPacer reads how a subscription is to be delivered; field is what its paths
// begin with.
func newPacer(req paced, field string, now func() time.Time) (*pacer, error) {
	if err := checkRate(field, req.GetMaxEventsPerSecond()); err != nil {
		return nil, err
	}
	p := &pacer{now: now}
	switch req.GetDelivery() {
	case tapiov1.DeliveryMode_DELIVERY_MODE_BEST_EFFORT:
		p.bestEffort = true
	case tapiov1.DeliveryMode_DELIVERY_MODE_UNSPECIFIED, tapiov1.DeliveryMode_DELIVERY_MODE_AT_LEAST_ONCE:
	default:
		return nil, model.InvalidField(field+"delivery", "%d is no mode: use BEST_EFFORT or AT_LEAST_ONCE", req.GetDelivery())
	}
	p.setRate(req.GetMaxEventsPerSecond())
	return p, nil
}

func checkRate(field string, perSecond float64) error {
	if perSecond < 0 || math.IsNaN(perSecond) || math.IsInf(perSecond, 0) {
		return model.InvalidField(field+"max_events_per_second", "must be above 0, or 0 for no bound, is %g", perSecond)
	}
	return nil
}

// setRate puts a rate in force from the next event on; 0 is no bound.
func (p *pacer) setRate(perSecond float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if perSecond == 0 {
		p.limiter = nil
		return
	}
	p.limiter = newLimiter(perSecond)
}

// newLimiter allows bursts of a second's worth. A rate beyond what an int holds
// is no bound in practice.
func newLimiter(perSecond float64) *rate.Limiter {
	return rate.NewLimiter(rate.Limit(perSecond), int(min(max(perSecond, 1), math.MaxInt32)))
}

func (p *pacer) rate() *rate.Limiter {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.limiter
}

// slowed wraps send: what exceeds the rate is dropped and reported as a loss, or
// waits, as the subscription wants it.
func (p *pacer) slowed(ctx context.Context, send sender[model.Event]) sender[model.Event] {
	return func(events []model.Event, loss *tapiov1.Loss) error {
		limiter := p.rate()
		switch {
		case limiter == nil:
			return send(events, loss)
		case p.bestEffort:
			return p.leaveOut(limiter, events, loss, send)
		default:
			return p.wait(ctx, limiter, events, loss, send)
		}
	}
}

// wait sends a burst at a time.
func (p *pacer) wait(
	ctx context.Context, limiter *rate.Limiter, events []model.Event, loss *tapiov1.Loss, send sender[model.Event],
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

// leaveOut sends as many as the rate allows now, and reports the rest as a loss.
func (p *pacer) leaveOut(limiter *rate.Limiter, events []model.Event, loss *tapiov1.Loss, send sender[model.Event]) error {
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

// resumeToken names the place behind what is sent, "" where nothing is.
func (s *Server) resumeToken(events []model.Event, loss *tapiov1.Loss) string {
	last := loss.GetLastSequence()
	if len(events) > 0 {
		last = events[len(events)-1].Seq
	}
	if last == 0 {
		return ""
	}
	return protoconv.ResumeToken(s.Store.Epoch(), last)
}

// resume begins behind the token, if there is one, instead of at start.
func (s *Server) resume(token, field string, start model.Start) (model.Start, error) {
	if token == "" {
		return start, nil
	}
	if start != (model.Start{}) {
		return start, model.InvalidField(field+"resume_token", "excludes start: give one of the two")
	}
	sequence, err := protoconv.ReadResumeToken(s.Store.Epoch(), token, field+"resume_token")
	return model.Start{After: sequence, Resume: true}, err
}
