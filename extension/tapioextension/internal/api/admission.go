// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"
)

// Limits bound what clients may do. A bound of 0 is none, unless documented otherwise.
type Limits struct {
	// InFlightBytes bounds the writes under way, of all clients together. Above
	// 0. As much again may wait for a short time; more is refused at once.
	InFlightBytes int
	// BytesPerSecond and CallsPerSecond bound each client.
	BytesPerSecond, CallsPerSecond float64
	// Queries bounds those answered at once over gRPC and JSON.
	Queries int
	// Streams bounds those open at once. Above 0.
	Streams int
	// StreamsPerClient bounds those of each client.
	StreamsPerClient int
	// SlowReader is how long a reader may keep a message waiting before its
	// stream ends. Above 0.
	SlowReader time.Duration
	// ReaderBytes bounds what waits for the readers of all streams. Above 0.
	ReaderBytes int
	// ReaderLag is how far behind a live reader may be before it misses records.
	ReaderLag time.Duration
}

// busyError refuses what may be tried again later.
type busyError struct {
	why    string
	reason string // of the counters
	after  time.Duration
}

func (e *busyError) Error() string { return e.why }

// GRPCStatus carries the time to wait as google.rpc.RetryInfo.
func (e *busyError) GRPCStatus() *status.Status {
	plain := status.New(codes.ResourceExhausted, e.why)
	detailed, err := plain.WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(e.after)})
	if err != nil { // the detail did not marshal; the message has the same content
		return plain
	}
	return detailed
}

// admission lets writes in as long as there is room.
type admission struct {
	limits  Limits
	now     func() time.Time
	room    *room
	writers atomic.Int64 // writes under way or waiting; a stream has one at a time

	mu      sync.Mutex
	clients map[string]*clientRates
}

// clientRates are the limiters of one client.
type clientRates struct{ bytes, calls *rate.Limiter }

// maxClients bounds the limiters kept. Above it all are reset, which gives each
// client one burst more.
const maxClients = 10_000

func newAdmission(limits Limits, now func() time.Time) *admission {
	return &admission{
		limits: limits, now: now,
		room:    newRoom(limits.InFlightBytes),
		clients: map[string]*clientRates{},
	}
}

// enter waits for room for a write of that many bytes. leave gives it back.
func (a *admission) enter(ctx context.Context, by caller, bytes int) (leave func(), err error) {
	if err := a.slowDown(by, bytes); err != nil {
		return nil, err
	}
	a.writers.Add(1)
	leaveRoom, err := a.room.enter(ctx, int64(bytes))
	if err != nil {
		a.writers.Add(-1)
		return nil, err
	}
	return func() {
		a.writers.Add(-1)
		leaveRoom()
	}, nil
}

// slowDown holds a client to its rate of bytes.
func (a *admission) slowDown(by caller, bytes int) error {
	if a.limits.BytesPerSecond == 0 {
		return nil
	}
	limiter := a.ratesOf(by).bytes
	now := a.now()
	reserved := limiter.ReserveN(now, min(bytes, limiter.Burst()))
	if wait := reserved.DelayFrom(now); wait > 0 {
		reserved.CancelAt(now)
		return &busyError{
			why:    fmt.Sprintf("%s writes more than limits::client_bytes_per_second: %.0f: send the batch again in %v", by, a.limits.BytesPerSecond, wait),
			reason: "rate_limited", after: wait,
		}
	}
	return nil
}

// call holds a client to its rate of calls.
func (a *admission) call(by caller) error {
	if a.limits.CallsPerSecond == 0 {
		return nil
	}
	now := a.now()
	reserved := a.ratesOf(by).calls.ReserveN(now, 1)
	if wait := reserved.DelayFrom(now); wait > 0 {
		reserved.CancelAt(now)
		return &busyError{
			why:    fmt.Sprintf("%s calls more often than limits::client_calls_per_second: %g: call again in %v", by, a.limits.CallsPerSecond, wait),
			reason: "rate_limited", after: wait,
		}
	}
	return nil
}

func (a *admission) ratesOf(by caller) *clientRates {
	a.mu.Lock()
	defer a.mu.Unlock()
	key := by.String()
	if rates, found := a.clients[key]; found {
		return rates
	}
	if len(a.clients) >= maxClients {
		clear(a.clients)
	}
	rates := &clientRates{
		bytes: newLimiter(a.limits.BytesPerSecond),
		calls: newLimiter(a.limits.CallsPerSecond),
	}
	a.clients[key] = rates
	return rates
}

// load is how much of the room is taken, 0 to 1.
func (a *admission) load() float64 {
	return min(float64(a.room.taken.Load()+a.room.waiting.Load())/float64(a.room.bytes), 1)
}
