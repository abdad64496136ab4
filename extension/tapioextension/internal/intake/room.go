// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package intake bounds the memory that requests take while they are decoded and
// stored. A request of a few bytes can decode to a hundred times as much, so each
// is weighed before it is decoded, and all of them share one bound.
package intake

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"
)

// Why requests are refused; the labels of a metric.
const (
	TooLarge = "too_large"
	TooDeep  = "too_deep"
	Overload = "overload"
)

// waitForRoom is how long a request waits before it is refused: it slows its
// sender down for as long, and no longer.
const waitForRoom = 2 * time.Second

// Room is the memory for requests under way. It is safe for concurrent use.
type Room struct {
	limit   int
	free    *semaphore.Weighted
	taken   atomic.Int64
	waiting atomic.Int64

	mu      sync.Mutex
	refused map[string]uint64
}

// NewRoom makes room of so many bytes, above 0.
func NewRoom(limit int) *Room {
	return &Room{limit: limit, free: semaphore.NewWeighted(int64(limit)), refused: map[string]uint64{TooLarge: 0, TooDeep: 0, Overload: 0}}
}

// Limit is the most bytes that one request, and all together, may take.
func (r *Room) Limit() int { return r.limit }

// Taken is the bytes of the requests under way.
func (r *Room) Taken() uint64 { return uint64(max(r.taken.Load(), 0)) }

// Refused counts the refused requests by reason.
func (r *Room) Refused() map[string]uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.refused)
}

// Hold waits for room for a request of that weight. leave gives it back. The error
// is an *Error or, where the caller gave up, the cause of its context.
func (r *Room) Hold(ctx context.Context, weight int) (leave func(), err error) {
	if weight > r.limit {
		return nil, r.tooLarge()
	}
	n := int64(weight)
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

// wait lets as much wait as there may be; more is refused at once.
func (r *Room) wait(ctx context.Context, n int64) error {
	defer r.waiting.Add(-n)
	if r.waiting.Add(n) > int64(r.limit) {
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

// Error refuses a request.
type Error struct {
	Reason string
	Why    string
	After  time.Duration // when to send it again; 0: never, for it would be refused again
}

func (e *Error) Error() string { return e.Why }

// GRPCStatus carries the time to wait as google.rpc.RetryInfo, which is how OTLP
// lets a sender know that it may retry.
func (e *Error) GRPCStatus() *status.Status {
	code := codes.ResourceExhausted
	if e.Reason == TooDeep {
		code = codes.InvalidArgument
	}
	plain := status.New(code, e.Why)
	if e.After == 0 {
		return plain
	}
	detailed, err := plain.WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(e.After)})
	if err != nil { // the detail did not marshal; the message has the same content
		return plain
	}
	return detailed
}

func (r *Room) refuse(e *Error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refused[e.Reason]++
	return e
}

func (r *Room) tooLarge() error {
	return r.refuse(&Error{Reason: TooLarge, Why: fmt.Sprintf(
		"the request would take more memory than limits::request_memory of the tapio extension: %d bytes: "+
			"send fewer records, or fewer attributes, in one request", r.limit)})
}

func (r *Room) tooDeep(err error) error {
	return r.refuse(&Error{Reason: TooDeep, Why: err.Error()})
}

func (r *Room) overloaded() error {
	return r.refuse(&Error{Reason: Overload, After: time.Second, Why: fmt.Sprintf(
		"requests under way take %d bytes, the most is limits::request_memory of the tapio extension: %d: "+
			"send the request again in a second, or send fewer at once", r.taken.Load(), r.limit)})
}
