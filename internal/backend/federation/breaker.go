// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package federation

import (
	"fmt"
	"sync"
	"time"
)

const (
	// lateInARow is after how many late calls in a row a member is left out for a while.
	lateInARow = 3
	// longestPause bounds how long it is left out before it is tried again.
	longestPause = time.Minute
	// shortestWait is how long a call must have waited to count as late: a caller who
	// gives up sooner says nothing about the member.
	shortestWait = 500 * time.Millisecond
)

// breaker leaves a member out that does not answer, so that not every query waits for it.
// From time to time one call tries it again. The zero breaker lets all calls pass.
type breaker struct {
	mu     sync.Mutex
	late   int // calls in a row
	pause  time.Duration
	until  time.Time // the member is not tried before
	trying bool
}

// skippedError is that a member was not asked.
type skippedError struct{ wait time.Duration }

// Error implements error.
func (e *skippedError) Error() string {
	return fmt.Sprintf("did not answer in time %d times in a row: it is tried again in %v", lateInARow, max(e.wait.Round(time.Second), time.Second))
}

// enter returns an error if the member is not to be asked now.
func (b *breaker) enter(now time.Time) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.late < lateInARow:
		return nil
	case b.trying || now.Before(b.until):
		return &skippedError{b.until.Sub(now)}
	default:
		b.trying = true
		return nil
	}
}

// isOpen reports why the member is left out, without trying it.
func (b *breaker) isOpen(now time.Time) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.late < lateInARow {
		return nil
	}
	return &skippedError{b.until.Sub(now)}
}

// answered is called when the member has answered, be it with an error.
func (b *breaker) answered() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.late, b.pause, b.trying = 0, 0, false
}

// gaveUp is called when a call ended that was for so long without an answer. A call that
// waits less than the timeout and than shortestWait does not count.
func (b *breaker) gaveUp(now time.Time, waited, timeout time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	tried := b.trying
	b.trying = false
	if waited < min(timeout, shortestWait) {
		return
	}
	if b.late++; b.late >= lateInARow && (tried || !now.Before(b.until)) {
		b.pause = min(max(2*b.pause, 2*timeout), longestPause)
		b.until = now.Add(b.pause)
	}
}
