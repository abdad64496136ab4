// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"
)

// waitForRoom is how long a request waits before it is refused: it slows its
// sender down for as long, and no longer.
const waitForRoom = 2 * time.Second

// Room is memory that requests share. As much again may wait for it.
type Room struct {
	bytes   int64
	free    *semaphore.Weighted
	waiting atomic.Int64
	taken   atomic.Int64
}

// NewRoom has that many bytes, all free.
func NewRoom(bytes int) *Room {
	return &Room{bytes: int64(bytes), free: semaphore.NewWeighted(int64(bytes))}
}

// Bytes is how large the room is.
func (r *Room) Bytes() int64 { return r.bytes }

// Taken is how much of it is held.
func (r *Room) Taken() int64 { return r.taken.Load() }

// Enter waits for n bytes, which leave gives back. What is larger than the room
// has it alone.
func (r *Room) Enter(ctx context.Context, n int64) (leave func(), err error) {
	n = min(n, r.bytes)
	if !r.free.TryAcquire(n) {
		if err := r.wait(ctx, n); err != nil {
			return nil, err
		}
	}
	r.taken.Add(n)
	return func() {
		r.taken.Add(-n)
		r.free.Release(n)
	}, nil
}

func (r *Room) wait(ctx context.Context, n int64) error {
	defer r.waiting.Add(-n)
	if r.waiting.Add(n) > r.bytes {
		return r.overloaded()
	}
	bounded, cancel := context.WithTimeout(ctx, waitForRoom)
	defer cancel()
	if r.free.Acquire(bounded, n) == nil {
		return nil
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return r.overloaded()
}

func (r *Room) overloaded() error {
	return &Error{
		Why: fmt.Sprintf("the server has %d bytes of writes in hand, the most is limits::in_flight_size: %d: "+
			"send the batch again in a second, or send fewer at once", r.taken.Load(), r.bytes),
		Reason: "overload", After: time.Second,
	}
}

// Lease is the part of a room that one request holds. It grows with what is known
// of the request.
type Lease struct {
	room  *Room
	held  int64
	parts []func()
}

// NewLease holds nothing of the room yet.
func NewLease(room *Room) *Lease { return &Lease{room: room} }

// Grow makes the lease n bytes large, if it is not yet.
func (l *Lease) Grow(ctx context.Context, n int64) error {
	n = min(n, l.room.bytes)
	if n <= l.held {
		return nil
	}
	leave, err := l.room.Enter(ctx, n-l.held)
	if err != nil {
		return err
	}
	l.parts, l.held = append(l.parts, leave), n
	return nil
}

// Release gives all of it back.
func (l *Lease) Release() {
	for _, leave := range l.parts {
		leave()
	}
	l.parts, l.held = nil, 0
}
