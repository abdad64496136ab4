// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package panics keeps a panic in one part of the program from ending the whole of
// it. A goroutine that nothing recovers ends the collector, and with it the
// telemetry of every other component.
//
// It does not contain what the runtime cannot recover from: concurrent map writes,
// running out of memory, stack overflow.
package panics

import (
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Error is a panic that was recovered.
type Error struct {
	Value any
	// Stack is that of the goroutine at the time of the panic, as the runtime prints it.
	Stack string
	// Place is the function and line that panicked, "" if unknown.
	Place string
}

func (e *Error) Error() string {
	if e.Place == "" {
		return fmt.Sprintf("panic: %v", e.Value)
	}
	return fmt.Sprintf("panic at %s: %v", e.Place, e.Value)
}

// Unwrap returns the value of the panic if it is an error.
func (e *Error) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// Catch calls f, and returns its panic as an *Error, nil if it had none. Locks that
// f holds must be released by defer.
func Catch(f func()) (err error) {
	done := false
	defer func() {
		if value := recover(); value != nil || !done {
			if value == nil { // runtime.Goexit, which goes on
				return
			}
			err = newError(value)
		}
	}()
	f()
	done = true
	return nil
}

// Recovered makes an error of what recover returned, nil of nil. It is for functions
// that recover themselves, and must be called by the deferred one.
func Recovered(value any) error {
	if value == nil {
		return nil
	}
	return newError(value)
}

func newError(value any) *Error {
	return &Error{Value: value, Stack: string(debug.Stack()), Place: place()}
}

// place is the first frame below the runtime's panic that is not the runtime's.
func place() string {
	var counters [64]uintptr
	frames := runtime.CallersFrames(counters[:runtime.Callers(1, counters[:])])
	panicking := false
	for {
		frame, more := frames.Next()
		inRuntime := strings.HasPrefix(frame.Function, "runtime.")
		switch {
		case inRuntime:
			panicking = panicking || frame.Function == "runtime.gopanic"
		case panicking:
			return fmt.Sprintf("%s:%d", frame.Function, frame.Line)
		}
		if !more {
			return ""
		}
	}
}

const (
	firstWait = time.Second
	maxWait   = time.Minute
)

// Restart runs f until it returns without a panic or done is closed. After each panic it
// calls report and waits before it runs f again: a second, then twice as long each
// time, a minute at most. A run that lasted longer than that begins with a second
// again.
func Restart(done <-chan struct{}, f func(), report func(error)) {
	wait := firstWait
	for {
		began := time.Now()
		err := Catch(f)
		if err == nil {
			return
		}
		report(err)
		if time.Since(began) > maxWait {
			wait = firstWait
		}
		select {
		case <-done:
			return
		case <-time.After(wait):
		}
		wait = min(2*wait, maxWait)
	}
}

// Count counts panics and remembers where they were, so that the stack of each
// place is logged once. Its zero value is ready.
type Count struct {
	n    atomic.Uint64
	seen sync.Map // of places
}

// Add counts a panic, and returns its stack if it is the first one at its place,
// else "". Errors that are no *Error count as well, by their text.
func (c *Count) Add(err error) (stack string) {
	c.n.Add(1)
	place := err.Error()
	if caught := (*Error)(nil); errors.As(err, &caught) {
		place, stack = caught.Place, caught.Stack
	}
	if _, known := c.seen.LoadOrStore(place, true); known {
		return ""
	}
	return stack
}

// Total is how many there were.
func (c *Count) Total() uint64 { return c.n.Load() }
