// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"sync"

	"google.golang.org/grpc"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// WriterOptions change what a Writer does. The zero value is fine.
type WriterOptions struct {
	// Sender distinguishes this writer from all others of the server, at most 100 bytes,
	// for example a collector's id. Empty: a random name.
	Sender string
	// BatchEvents is the most events a batch; 0: 1,000.
	BatchEvents int
	// PendingBytes bounds the events that wait for an acknowledgement: with more,
	// Write waits. 0: 32 MiB.
	PendingBytes int
	// Window is the most batches on their way at once; 0: 4.
	Window int
	// MessageBytes is the longest message that the server takes, which is its
	// grpc::max_recv_msg_size_mib; batches stay below it. 0: 4 MiB, the server's
	// default.
	MessageBytes int
	// Compression is that of the batches on the network, none by default. What the
	// server asks for goes before it, see ApplyFlowControl.
	Compression tapiov1.Compression
	// Backoff is the wait after a cut.
	Backoff Backoff
	// Done is informed of each batch, in order, from one goroutine.
	Done func(Result)
}

// Result is what became of a batch.
type Result struct {
	Events []*tapiov1.Event
	Ack    *tapiov1.BatchAck
}

// Stats counts what a Writer did.
type Stats struct {
	Accepted, Rejected, Batches, Duplicates, Cuts uint64
}

// ErrClosed is what Write returns after Close.
var ErrClosed = errors.New("the writer is closed")

// Writer writes events in batches on one stream. A batch that is not
// acknowledged when the stream is cut is sent again under its id, which the
// server knows: it is stored once. Writers are safe for concurrent use, and must
// be closed.
type Writer struct {
	client  tapiov1.TapioServiceClient
	options WriterOptions
	stop    context.CancelFunc
	ended   chan struct{} // closed when the goroutine has ended

	mu      sync.Mutex
	changed chan struct{} // closed and renewed at each change of what follows
	batches []*pending
	onWay   int // of batches, from the first on: sent on the open stream
	bytes   int // of batches
	serial  uint64
	stats   Stats
	err     error // why nothing more is written
	pacing
}

// NewWriter begins to write over the connection, which stays the caller's.
func NewWriter(conn grpc.ClientConnInterface, options WriterOptions) *Writer {
	if options.Sender == "" {
		options.Sender = rand.Text()
	}
	if options.BatchEvents <= 0 {
		options.BatchEvents = 1000
	}
	if options.PendingBytes <= 0 {
		options.PendingBytes = 32 << 20
	}
	if options.Window <= 0 {
		options.Window = 4
	}
	if options.MessageBytes <= 0 {
		options.MessageBytes = 4 << 20
	}
	ctx, stop := context.WithCancel(context.Background())
	w := &Writer{
		client: tapiov1.NewTapioServiceClient(conn), options: options, stop: stop,
		ended: make(chan struct{}), changed: make(chan struct{}),
	}
	go w.run(ctx)
	return w
}

// Write takes an event. It waits while too much is pending. A nil error means
// that the event will be sent; whether it is stored, Done and Flush report.
func (w *Writer) Write(ctx context.Context, event *tapiov1.Event) error {
	size := sizeInBatch(event)
	if most := w.options.MessageBytes - envelopeBytes; size > most {
		return &EventTooLongError{Bytes: size, Most: most}
	}
	return w.until(ctx, func() bool {
		if w.bytes > 0 && w.bytes+size > w.options.PendingBytes {
			return false
		}
		w.add(event, size)
		return true
	})
}

// add puts the event into the last batch that is not on its way.
func (w *Writer) add(event *tapiov1.Event, size int) {
	w.bytes += size
	if n := len(w.batches); n > 0 {
		last := w.batches[n-1]
		if last.GetSequence() == 0 && len(last.GetEvents()) < w.most(w.options.BatchEvents) &&
			last.bytes+size <= w.options.MessageBytes-envelopeBytes {
			last.Events, last.bytes = append(last.Events, event), last.bytes+size
			return
		}
	}
	batch := &tapiov1.EventBatch{CollectorId: w.options.Sender, Events: []*tapiov1.Event{event}}
	w.batches = append(w.batches, &pending{EventBatch: batch, bytes: size})
	w.notify()
}

// Flush waits until everything written so far is acknowledged.
func (w *Writer) Flush(ctx context.Context) error {
	return w.until(ctx, func() bool { return len(w.batches) == 0 })
}

// Close waits until everything is acknowledged, or ctx ends, and ends the
// stream. What was not acknowledged then may or may not be stored.
func (w *Writer) Close(ctx context.Context) error {
	err := w.Flush(ctx)
	w.stop()
	<-w.ended
	w.fail(ErrClosed)
	return err
}

// Stats returns what was done so far.
func (w *Writer) Stats() Stats {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.stats
}

// until waits for done to return true. It is asked with the lock held.
func (w *Writer) until(ctx context.Context, done func() bool) error {
	for {
		w.mu.Lock()
		if w.err != nil {
			defer w.mu.Unlock()
			return w.err
		}
		if done() {
			w.mu.Unlock()
			return nil
		}
		changed := w.changed
		w.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// notify wakes anyone who waits. The lock is held.
func (w *Writer) notify() {
	close(w.changed)
	w.changed = make(chan struct{})
}

// fail makes every call return err; the first reason counts.
func (w *Writer) fail(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == nil {
		w.err = err
		w.notify()
	}
}

// next returns the first batch that is not on its way, once there is one and the
// window has room. From then on its content does not change.
func (w *Writer) next(ctx context.Context) (batch *pending, err error) {
	err = w.until(ctx, func() bool {
		if w.onWay >= min(len(w.batches), w.options.Window) {
			return false
		}
		batch = w.batches[w.onWay]
		w.onWay++
		if batch.GetSequence() == 0 {
			w.serial++
			batch.Sequence = w.serial
			batch.BatchId = strconv.FormatUint(w.serial, 10)
		}
		return true
	})
	return batch, err
}

// rewind makes every pending batch one that is to be sent.
func (w *Writer) rewind() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.onWay = 0
}

// first is the batch that the next acknowledgement must be of, nil for none.
func (w *Writer) first() *pending {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.onWay == 0 {
		return nil
	}
	return w.batches[0]
}

// settle takes the acknowledged batch, which is the first, from the pending.
func (w *Writer) settle(ack *tapiov1.BatchAck) {
	w.mu.Lock()
	batch := w.batches[0]
	w.batches[0] = nil // for the garbage collector
	w.batches = w.batches[1:]
	w.onWay--
	w.bytes -= batch.bytes
	w.stats.Accepted += ack.GetAcceptedCount()
	w.stats.Rejected += ack.GetRejectedCount()
	w.stats.Batches++
	if ack.GetDuplicate() {
		w.stats.Duplicates++
	}
	w.mu.Unlock()
	if w.options.Done != nil {
		w.options.Done(Result{Events: batch.GetEvents(), Ack: ack})
	}
	w.mu.Lock()
	w.notify()
	w.mu.Unlock()
}

// run keeps a stream open until the writer is closed or cannot go on.
func (w *Writer) run(ctx context.Context) {
	defer close(w.ended)
	for failures := 0; ; failures++ {
		before := w.Stats().Batches
		err := caught(func() error { return w.stream(ctx) })
		if ctx.Err() != nil {
			return
		}
		if errors.Is(err, errPlainer) {
			continue
		}
		if tooLong(err) {
			err = fmt.Errorf("%w: set WriterOptions.MessageBytes to the server's grpc::max_recv_msg_size_mib", err)
		}
		if !passes(err) {
			w.fail(err)
			return
		}
		if w.Stats().Batches > before {
			failures = 0
		}
		w.mu.Lock()
		w.stats.Cuts++
		w.mu.Unlock()
		if !sleep(ctx, max(retryAfter(err), w.options.Backoff.delay(failures))) {
			return
		}
	}
}
