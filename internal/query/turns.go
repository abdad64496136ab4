// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package query

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
)

// Turns bounds how much is done at once, and shares it between clients: a turn that gets
// free goes to the waiting client that holds the fewest turns, of several to the one that
// was served longest ago. See WithClient for who the client is.
type Turns struct {
	capacity, perClient, queue int

	waited, refused atomic.Uint64

	mu      sync.Mutex
	taken   int
	holding map[string]int
	waiting map[string][]chan struct{} // closed when it is their turn
	order   []string                   // the clients that wait, the one served longest ago first
}

// ErrQueueFull is that so many requests of a client wait that no further one may.
var ErrQueueFull = errors.New("too many requests of the client wait for their turn")

// NewTurns makes turns of which one client can hold so many, while so many of its
// requests wait; 0 bounds neither.
func NewTurns(capacity, perClient, queue int) *Turns {
	if perClient <= 0 {
		perClient = capacity
	}
	return &Turns{capacity: capacity, perClient: perClient, queue: queue, holding: map[string]int{}, waiting: map[string][]chan struct{}{}}
}

// ShareOf is how many turns of several one client may hold: so many that another one
// always finds some that get free.
func ShareOf(capacity int) int { return max(capacity*3/4, 1) }

// Enter waits for a turn, which Leave ends under a context of the same client.
func (t *Turns) Enter(ctx context.Context) error {
	client := ClientOf(ctx)
	t.mu.Lock()
	if t.taken < t.capacity && t.holding[client] < t.perClient && len(t.waiting[client]) == 0 {
		t.take(client)
		t.mu.Unlock()
		return nil
	}
	if t.queue > 0 && len(t.waiting[client]) >= t.queue {
		t.mu.Unlock()
		t.refused.Add(1)
		return ErrQueueFull
	}
	turn := make(chan struct{})
	if len(t.waiting[client]) == 0 {
		t.order = append(t.order, client)
	}
	t.waiting[client] = append(t.waiting[client], turn)
	t.mu.Unlock()
	t.waited.Add(1)
	select {
	case <-turn:
		return nil
	case <-ctx.Done():
	}
	if !t.giveUp(client, turn) { // its turn came at the same moment
		t.Leave(ctx)
	}
	t.refused.Add(1)
	return ctx.Err()
}

// Leave ends a turn.
func (t *Turns) Leave(ctx context.Context) {
	client := ClientOf(ctx)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.taken--
	if t.holding[client]--; t.holding[client] == 0 {
		delete(t.holding, client)
	}
	t.grant()
}

// Idle is how many more could enter now.
func (t *Turns) Idle() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.capacity - t.taken
}

// Waited counts those that had to wait.
func (t *Turns) Waited() uint64 { return t.waited.Load() }

// Refused counts those that were given no turn.
func (t *Turns) Refused() uint64 { return t.refused.Load() }

func (t *Turns) take(client string) {
	t.taken++
	t.holding[client]++
}

// grant gives free turns to those that wait.
func (t *Turns) grant() {
	for t.taken < t.capacity {
		next := -1
		for i, client := range t.order {
			if t.holding[client] < t.perClient && (next < 0 || t.holding[client] < t.holding[t.order[next]]) {
				next = i
			}
		}
		if next < 0 {
			return
		}
		client := t.order[next]
		turn := t.waiting[client][0]
		t.order = slices.Delete(t.order, next, next+1)
		if t.waiting[client] = t.waiting[client][1:]; len(t.waiting[client]) > 0 {
			t.order = append(t.order, client)
		} else {
			delete(t.waiting, client)
		}
		t.take(client)
		close(turn)
	}
}

// giveUp takes one out of those that wait; false if it waits no more.
func (t *Turns) giveUp(client string, turn chan struct{}) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	i := slices.Index(t.waiting[client], turn)
	if i < 0 {
		return false
	}
	if t.waiting[client] = slices.Delete(t.waiting[client], i, i+1); len(t.waiting[client]) == 0 {
		delete(t.waiting, client)
		t.order = slices.DeleteFunc(t.order, func(one string) bool { return one == client })
	}
	return true
}
