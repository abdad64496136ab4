// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package admission bounds what clients may do: the memory of their writes, their rates and
// their streams.
package admission

import (
	"context"
	"fmt"
	"math"
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

// Error refuses what may be tried again later.
type Error struct {
	Why    string
	Reason string // of the counters
	After  time.Duration
}

func (e *Error) Error() string { return e.Why }

// GRPCStatus carries the time to wait as google.rpc.RetryInfo.
func (e *Error) GRPCStatus() *status.Status {
	plain := status.New(codes.ResourceExhausted, e.Why)
	detailed, err := plain.WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(e.After)})
	if err != nil { // the detail did not marshal; the message says it all the same
		return plain
	}
	return detailed
}

// Writes lets writes in as long as there is room.
type Writes struct {
	limits  Limits
	now     func() time.Time
	room    *Room
	writers atomic.Int64 // writes under way or waiting; a stream has one at a time

	mu      sync.Mutex
	clients map[string]*clientRates
}

// clientRates are the limiters of one client.
type clientRates struct{ bytes, calls *rate.Limiter }

// maxClients bounds the limiters kept. Above it all are reset, which gives each
// client one burst more.
const maxClients = 10_000

// NewWrites lets nothing wait yet.
func NewWrites(limits Limits, now func() time.Time) *Writes {
	return &Writes{
		limits: limits, now: now,
		room:    NewRoom(limits.InFlightBytes),
		clients: map[string]*clientRates{},
	}
}

// Enter waits for room for a write of that many bytes. leave gives it back.
func (a *Writes) Enter(ctx context.Context, client string, bytes int) (leave func(), err error) {
	if err := a.slowDown(client, bytes); err != nil {
		return nil, err
	}
	a.writers.Add(1)
	leaveRoom, err := a.room.Enter(ctx, int64(bytes))
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
func (a *Writes) slowDown(client string, bytes int) error {
	if a.limits.BytesPerSecond == 0 {
		return nil
	}
	limiter := a.ratesOf(client).bytes
	now := a.now()
	reserved := limiter.ReserveN(now, min(bytes, limiter.Burst()))
	if wait := reserved.DelayFrom(now); wait > 0 {
		reserved.CancelAt(now)
		return &Error{
			Why:    fmt.Sprintf("%s writes more than limits::client_bytes_per_second: %.0f: send the batch again in %v", client, a.limits.BytesPerSecond, wait),
			Reason: "rate_limited", After: wait,
		}
	}
	return nil
}

// Call holds a client to its rate of calls.
func (a *Writes) Call(client string) error {
	if a.limits.CallsPerSecond == 0 {
		return nil
	}
	now := a.now()
	reserved := a.ratesOf(client).calls.ReserveN(now, 1)
	if wait := reserved.DelayFrom(now); wait > 0 {
		reserved.CancelAt(now)
		return &Error{
			Why:    fmt.Sprintf("%s calls more often than limits::client_calls_per_second: %g: call again in %v", client, a.limits.CallsPerSecond, wait),
			Reason: "rate_limited", After: wait,
		}
	}
	return nil
}

func (a *Writes) ratesOf(client string) *clientRates {
	a.mu.Lock()
	defer a.mu.Unlock()
	if rates, found := a.clients[client]; found {
		return rates
	}
	if len(a.clients) >= maxClients {
		clear(a.clients)
	}
	rates := &clientRates{
		bytes: NewLimiter(a.limits.BytesPerSecond),
		calls: NewLimiter(a.limits.CallsPerSecond),
	}
	a.clients[client] = rates
	return rates
}

// Load is how much of the room is taken, 0 to 1.
func (a *Writes) Load() float64 {
	return min(float64(a.room.taken.Load()+a.room.waiting.Load())/float64(a.room.bytes), 1)
}

// Writers is how many writes are under way or wait.
func (a *Writes) Writers() int64 { return a.writers.Load() }

// Taken is how many bytes the writes under way take.
func (a *Writes) Taken() uint64 { return uint64(max(a.room.taken.Load(), 0)) }

// NewLimiter allows bursts of a second's worth. A rate beyond what an int holds
// is no bound in practice.
func NewLimiter(perSecond float64) *rate.Limiter {
	return rate.NewLimiter(rate.Limit(perSecond), int(min(max(perSecond, 1), math.MaxInt32)))
}
