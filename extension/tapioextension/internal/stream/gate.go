// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package stream

import (
	"context"
	"sync"
)

// Gate holds a goroutine back while it is closed. The zero Gate is open.
type Gate struct {
	mu     sync.Mutex
	opened chan struct{} // non-nil while closed
}

// Close holds back from the next Wait on.
func (g *Gate) Close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.opened == nil {
		g.opened = make(chan struct{})
	}
}

// Open lets all go on.
func (g *Gate) Open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.opened != nil {
		close(g.opened)
		g.opened = nil
	}
}

// Wait returns once the gate is open.
func (g *Gate) Wait(ctx context.Context) error {
	g.mu.Lock()
	opened := g.opened
	g.mu.Unlock()
	if opened == nil {
		return nil
	}
	select {
	case <-opened:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
