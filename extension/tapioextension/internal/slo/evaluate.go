// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package slo

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/tapio/tapio/internal/model"
)

// Status is how an objective is met.
type Status struct {
	Objective Objective
	// Requests and Bad count within the objective's window.
	Requests, Bad float64
	// ErrorRatio is the share of bad requests in the window, BudgetRemaining what is
	// left of the error budget: 1 all of it, below 0 more than all is used.
	ErrorRatio, BudgetRemaining float64
	// TotalRequests and TotalBad count since the beginning.
	TotalRequests, TotalBad float64
	Burn                    []BurnStatus
	Since                   model.Nanos // first request that was counted
}

// BurnStatus is how fast the budget burns by one alert.
type BurnStatus struct {
	Alert BurnAlert
	// LongRate and ShortRate are multiples of the rate that uses the budget up just
	// within its window.
	LongRate, ShortRate float64
	FiringSince         model.Nanos // 0 while it does not fire
}

// now is the event time: that of the newest request, and the time that has passed
// since it came.
func (t *Tracker) now() model.Nanos {
	if t.latest == 0 {
		return model.Nanos(t.options.Now().UnixNano())
	}
	return t.latest + model.Nanos(max(t.options.Now().Sub(t.latestAt), 0))
}

// Statuses lists all objectives that requests were counted for, by service,
// operation and type.
func (t *Tracker) Statuses() []Status {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	list := make([]Status, 0, len(t.series))
	for _, s := range t.series {
		list = append(list, t.status(s, now))
	}
	slices.SortFunc(list, func(a, b Status) int {
		x, y := &a.Objective, &b.Objective
		return cmp.Or(cmp.Compare(x.Service, y.Service), cmp.Compare(x.Operation, y.Operation), cmp.Compare(x.Type, y.Type),
			cmp.Compare(x.ID(), y.ID()))
	})
	return list
}

func (t *Tracker) status(s *series, now model.Nanos) Status {
	window := s.History.sum(now, s.Objective.Window)
	status := Status{
		Objective: s.Objective, Requests: window.Total, Bad: window.Bad, ErrorRatio: window.ratio(),
		BudgetRemaining: 1 - window.ratio()/(1-s.Objective.Target),
		TotalRequests:   s.History.Total.Total, TotalBad: s.History.Total.Bad, Since: s.History.Since,
	}
	for _, alert := range t.options.Alerts {
		one, _ := s.burn(&alert, now)
		one.FiringSince = s.Firing[alert.Name]
		status.Burn = append(status.Burn, one)
	}
	return status
}

// burn returns the rates of both windows, and how many requests were bad in the long
// one.
func (s *series) burn(alert *BurnAlert, now model.Nanos) (BurnStatus, float64) {
	long, short := s.History.sum(now, alert.Long), s.History.sum(now, alert.Short)
	budget := 1 - s.Objective.Target
	return BurnStatus{Alert: *alert, LongRate: long.ratio() / budget, ShortRate: short.ratio() / budget}, long.Bad
}

// Refused counts objectives and operations that were not counted because there was no
// memory for them.
func (t *Tracker) Refused() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.refused
}

// change is an alert that begins or ceases to fire.
type change struct {
	series *series
	burn   Burn
}

// Evaluate looks at all alerts, and writes a record of each that begins or ceases to
// fire. What could not be written is tried again with the next call.
func (t *Tracker) Evaluate(ctx context.Context) {
	changes := t.changes()
	if len(changes) == 0 {
		return
	}
	events := make([]model.Event, len(changes))
	for i := range changes {
		events[i] = changes[i].burn.Event()
	}
	if err := t.options.Write(ctx, events); err != nil {
		t.options.Failed(err)
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, c := range changes {
		if c.burn.Firing {
			c.series.Firing[c.burn.Alert.Name] = c.burn.Start
		} else {
			delete(c.series.Firing, c.burn.Alert.Name)
		}
	}
}

func (t *Tracker) changes() []change {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	var changes []change
	for _, s := range t.series {
		if s.Objective.Automatic && !t.options.Automatic.Alerts {
			continue
		}
		for _, alert := range t.options.Alerts {
			burn, bad := s.burn(&alert, now)
			since, firing := s.Firing[alert.Name]
			fires := burn.LongRate >= alert.Factor && burn.ShortRate >= alert.Factor && (firing || bad >= t.options.MinFailures)
			if fires == firing {
				continue
			}
			if !firing {
				since = now
			}
			status := t.status(s, now)
			changes = append(changes, change{s, Burn{
				Objective: s.Objective, Alert: alert, Firing: fires, Start: since, Time: now, LongRate: burn.LongRate,
				ShortRate: burn.ShortRate, ErrorRatio: s.History.sum(now, alert.Long).ratio(), BudgetRemaining: status.BudgetRemaining,
			}})
		}
	}
	slices.SortFunc(changes, func(a, b change) int {
		return cmp.Or(cmp.Compare(a.burn.Objective.ID(), b.burn.Objective.ID()), cmp.Compare(b.burn.Alert.Factor, a.burn.Alert.Factor))
	})
	return changes
}

// Run evaluates the alerts until ctx ends, and keeps the counts in the file, if there
// is one.
func (t *Tracker) Run(ctx context.Context) {
	evaluate, save := time.NewTicker(evaluateEvery), time.NewTicker(saveEvery)
	defer evaluate.Stop()
	defer save.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-evaluate.C:
			t.Evaluate(ctx)
		case <-save.C:
			t.Save()
		}
	}
}

const (
	evaluateEvery = 5 * time.Second
	saveEvery     = time.Minute
)
