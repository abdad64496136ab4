// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/panics"
	"github.com/tapio/tapio/internal/protoconv"
	"github.com/tapio/tapio/internal/query"
)

const (
	// maxQueued is how many bytes of rows wait in a tail. The server keeps what is behind
	// them.
	maxQueued = 1 << 20
	// reconnectSoonest and reconnectLatest bound the time between two tries.
	reconnectSoonest = time.Second
	reconnectLatest  = 15 * time.Second
)

// part is one message of a stream.
type part[Row any] struct {
	rows     []Row
	loss     model.Loss
	token    string // names the place behind the message; "" if the server sent none
	caughtUp bool
	notes    []query.Note
	last     uint64 // sequence of the last row
}

// place is where a stream goes on: behind a token or, without one, where the tail
// begins.
type place struct {
	token string
	start model.Start
}

// source opens a stream.
type source[Row any] func(ctx context.Context, from place) (receive func() (part[Row], error), err error)

// tail follows a stream of another server and connects again after a cut. A goroutine
// receives; it ends with the context.
type tail[Row any] struct {
	open    source[Row]
	size    func(*Row) int
	begin   model.Start
	made    model.Nanos
	history bool // ends after what is stored

	mu       sync.Mutex
	changed  chan struct{} // closed at the next change
	queue    []Row
	queued   int // bytes
	before   int // rows in the queue that come before the place where the server's past ended
	caughtUp bool
	reported bool // Poll has returned that there is no more
	loss     model.Loss
	notes    []query.Note
	position uint64
	bound    int
	ended    bool
	err      error
}

func newTail[Row any](
	ctx context.Context, r *Reader, size func(*Row) int, begin model.Start, times model.TimeRange, open source[Row],
) *tail[Row] {
	t := &tail[Row]{
		open: open, size: size, begin: begin, made: model.Nanos(r.Now().UnixNano()),
		history: times != (model.TimeRange{}), changed: make(chan struct{}),
	}
	go func() {
		if err := panics.Catch(func() { t.run(ctx) }); err != nil {
			r.Panicked(err)
			t.end(fmt.Errorf("a panic ended the tail: %w", err))
		}
	}()
	return t
}

// update changes the tail and signals those that wait for a change.
func (t *tail[Row]) update(change func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	change()
	close(t.changed)
	t.changed = make(chan struct{})
}

func (t *tail[Row]) end(err error) {
	t.update(func() { t.ended, t.caughtUp, t.err = true, true, err })
}

// run receives until the context ends, the past is read, or the server refuses.
func (t *tail[Row]) run(ctx context.Context) {
	from, wait := place{start: t.begin}, reconnectSoonest
	for {
		next, err := t.receive(ctx, from)
		if next != "" {
			from.token, wait = next, reconnectSoonest
		}
		if from.start == (model.Start{}) {
			from.start.Since = t.made // what is stored until the stream is open is new
		}
		switch {
		case ctx.Err() != nil:
			t.end(ctx.Err())
			return
		case errors.Is(err, io.EOF) && t.history:
			t.end(nil)
			return
		case t.history || isFinal(err):
			t.end(protoconv.ErrorOf(err))
			return
		}
		t.update(func() {
			t.caughtUp = true // who reads the past must not wait
			t.notes = append(t.notes[:min(len(t.notes), 1)], query.Note{State: query.SourceFailed, Message: fmt.Sprintf("the stream was cut: %v", protoconv.ErrorOf(err))})
		})
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
		}
		wait = min(2*wait, reconnectLatest)
	}
}

// isFinal reports whether trying again is no use.
func isFinal(err error) bool {
	switch status.Code(err) {
	case codes.InvalidArgument, codes.Unimplemented, codes.PermissionDenied, codes.Unauthenticated, codes.FailedPrecondition:
		return true
	default:
		return false
	}
}

// receive reads one stream to its end, and returns the token of its last message.
func (t *tail[Row]) receive(ctx context.Context, from place) (token string, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	receive, err := t.open(ctx, from)
	if err != nil {
		return "", err
	}
	for {
		message, err := receive()
		if err != nil {
			return token, err
		}
		if message.token != "" {
			if token == "" && from.token != "" && !protoconv.SameStore(from.token, message.token) {
				message.loss.Count++ // what was written before the server was started again cannot be known
			}
			token = message.token
		}
		if err := t.deliver(ctx, message); err != nil {
			return token, err
		}
	}
}

// deliver queues a message, once there is room.
func (t *tail[Row]) deliver(ctx context.Context, message part[Row]) error {
	for {
		t.mu.Lock()
		full, changed := t.queued > maxQueued, t.changed
		t.mu.Unlock()
		if !full {
			break
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	t.update(func() {
		for i := range message.rows {
			t.queued += t.size(&message.rows[i])
		}
		t.queue = append(t.queue, message.rows...)
		t.loss = addLoss(t.loss, message.loss)
		t.notes = append(t.notes, message.notes...)
		if !t.caughtUp {
			t.before = len(t.queue)
			t.caughtUp = message.caughtUp
		}
		if message.last != 0 {
			t.position = message.last
		}
	})
	return nil
}

// addLoss sums losses up. The sequences of the sum are known if those of one part are.
func addLoss(a, b model.Loss) model.Loss {
	switch {
	case b.Count == 0:
		return a
	case a.Count == 0:
		return b
	default:
		return model.Loss{Count: a.Count + b.Count, First: min(a.First, b.First), Last: max(a.Last, b.Last)}
	}
}

// Ready implements query.Tail.
func (t *tail[Row]) Ready(ctx context.Context) error {
	for {
		t.mu.Lock()
		ready := len(t.queue) > 0 || t.loss.Count > 0 || t.caughtUp && !t.reported || len(t.notes) > 0
		ended, err, changed := t.ended, t.err, t.changed
		t.mu.Unlock()
		switch {
		case ready:
			return ctx.Err()
		case ended && err != nil:
			return err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Poll implements query.Tail.
func (t *tail[Row]) Poll(most int) (rows []Row, loss model.Loss, more bool) {
	t.update(func() {
		n, bytes := 0, 0
		for n < min(most, len(t.queue)) && (n == 0 || t.bound == 0 || bytes < t.bound) {
			bytes += t.size(&t.queue[n])
			n++
		}
		rows = t.queue[:n:n]
		if t.queue = t.queue[n:]; len(t.queue) == 0 {
			t.queue = nil
		}
		t.queued -= bytes
		t.before = max(t.before-n, 0)
		loss, t.loss = t.loss, model.Loss{}
		more = !t.caughtUp || t.before > 0
		t.reported = t.reported || !more
	})
	return rows, loss, more
}

// Bound implements query.Tail.
func (t *tail[Row]) Bound(bytes int) { t.update(func() { t.bound = bytes }) }

// Skip implements query.Tail.
func (t *tail[Row]) Skip() (loss model.Loss) {
	t.update(func() {
		loss = addLoss(t.loss, model.Loss{Count: uint64(len(t.queue))})
		t.queue, t.queued, t.before, t.loss = nil, 0, 0, model.Loss{}
	})
	return loss
}

// Position implements query.Tail: the sequence at the server.
func (t *tail[Row]) Position() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.position
}

// Notes implements query.Noted.
func (t *tail[Row]) Notes() (notes []query.Note) {
	t.mu.Lock()
	defer t.mu.Unlock()
	notes, t.notes = t.notes, nil
	return notes
}

// Err implements working.Failing.
func (t *tail[Row]) Err() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.err
}
