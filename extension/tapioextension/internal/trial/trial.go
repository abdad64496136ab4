// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package trial keeps records back while it is not sure that the configuration that takes them will run.
package trial

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// within is how long a record waits for the configuration to run: a receiver that
// writes while it starts must not block the start.
const within = 5 * time.Second

// Trial is the time from the start of a configuration with a new store until all of its
// components run. If one of them does not start, the configuration before is started again
// with its own store, and what the new store had taken is missing there: records wait.
type Trial struct {
	once   sync.Once
	over   chan struct{}
	passed atomic.Bool
}

// New begins one.
func New() *Trial { return &Trial{over: make(chan struct{})} }

// End is called when all components run, or when they stop; the first call counts. A nil trial has no end.
func (t *Trial) End(passed bool) {
	if t == nil {
		return
	}
	t.once.Do(func() {
		t.passed.Store(passed)
		close(t.over)
	})
}

// Await returns nil once all components run, or an Unavailable status that makes the sender
// send again. A nil trial is passed.
func (t *Trial) Await(ctx context.Context) error {
	if t == nil {
		return nil
	}
	if t.passed.Load() {
		return nil
	}
	late := time.NewTimer(within)
	defer late.Stop()
	select {
	case <-t.over:
		if t.passed.Load() {
			return nil
		}
	case <-late.C:
	case <-ctx.Done():
		return ctx.Err()
	}
	return status.Error(codes.Unavailable, "the new configuration does not run yet: send the records again")
}
