// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package tapioextension

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/component"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// trialWithin is how long a record waits for the configuration to run: a receiver that
// writes while it starts must not block the start.
const trialWithin = 5 * time.Second

// trial is the time from the start of a configuration with a new store until all of its
// components run. If one of them does not start, the configuration before is started again
// with its own store, and what the new store had taken is missing there: records wait.
type trial struct {
	once   sync.Once
	over   chan struct{}
	passed atomic.Bool
}

func newTrial() *trial { return &trial{over: make(chan struct{})} }

// end is called when all components run, or when they stop; the first call counts.
func (t *trial) end(passed bool) {
	if t == nil {
		return
	}
	t.once.Do(func() {
		t.passed.Store(passed)
		close(t.over)
	})
}

// await returns nil once all components run, or an Unavailable status that makes the sender
// send again. A nil trial is passed.
func (t *trial) await(ctx context.Context) error {
	if t == nil {
		return nil
	}
	if t.passed.Load() {
		return nil
	}
	late := time.NewTimer(trialWithin)
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

// AwaitStore waits until the store that ClaimStore gave is sure to stay in use. An error means
// that the records must be sent again: it is a status, or that of ctx.
func (e *tapioExtension) AwaitStore(ctx context.Context) error { return e.trial.await(ctx) }

// hasOther reports whether a store of the same extension under another directory is kept for a
// configuration that may come back.
func (k *storeKeeper) hasOther(id component.ID, directory string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	for key := range k.held {
		if key.id == id && key.directory != directory {
			return true
		}
	}
	return false
}
