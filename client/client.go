// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package client speaks to a Tapio server for programs: Writer writes events so
// that each is stored once, Follow reads them as they come, Member makes the
// program one of the server's fleet. All three outlive cuts of the connection
// and restarts of the server. For single questions the generated stubs in
// proto/tapio/v1 are enough. Source sends metrics, traces and logs over OTLP.
package client

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Backoff is how long to wait between attempts: twice as long after each
// failure, with a random part, so that a fleet does not come back as one. The
// zero value waits 200 ms to 10 s.
type Backoff struct{ First, Max time.Duration }

// delay is the wait before the attempt after that many failures.
func (b Backoff) delay(failures int) time.Duration {
	first, most := b.First, b.Max
	if first <= 0 {
		first = 200 * time.Millisecond
	}
	if most <= 0 {
		most = 10 * time.Second
	}
	wait := first
	for range failures {
		wait = min(2*wait, most)
	}
	return wait/2 + rand.N(wait/2+1)
}

// sleep returns false when ctx ends first.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// passes distinguishes temporary errors, after which the call may be repeated, from those
// that someone must fix.
func passes(err error) bool {
	if errors.Is(err, io.EOF) {
		return true
	}
	if panicked := (*PanicError)(nil); errors.As(err, &panicked) {
		return false
	}
	switch status.Code(err) {
	case codes.ResourceExhausted:
		return !tooLong(err)
	case codes.Unavailable, codes.Aborted, codes.DeadlineExceeded, codes.Internal, codes.Unknown:
		return true
	default:
		return false
	}
}

// tooLong reports whether a message was longer than the server takes, for which
// gRPC itself has no code of its own.
func tooLong(err error) bool {
	return status.Code(err) == codes.ResourceExhausted && strings.Contains(status.Convert(err).Message(), "larger than max")
}

// retryAfter is how long the server asks to wait, 0 where it does not ask.
func retryAfter(err error) time.Duration {
	for _, detail := range status.Convert(err).Details() {
		if retry, ok := detail.(*errdetails.RetryInfo); ok {
			return retry.GetRetryDelay().AsDuration()
		}
	}
	return 0
}
