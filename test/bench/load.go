// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// retryAfter is how long a sender waits after an error, as a client would.
const retryAfter = 10 * time.Millisecond

// load is senders that send batches round and round, each with one request under
// way on a connection of its own.
type load struct {
	links   []*link
	batches []*batch
	serial  *atomic.Uint64

	acknowledged, rejected, failed atomic.Int64 // records, records, requests

	once  sync.Once
	first error

	mu    sync.Mutex
	times []time.Duration // from sending a batch to its acknowledgement
}

// newLoad connects the senders. The caller closes them.
func newLoad(ctx context.Context, c *collector, senders int, batches []*batch, connect connector) (*load, error) {
	l := &load{batches: batches, serial: new(atomic.Uint64)}
	for range senders {
		one, err := connect(ctx, c)
		if err != nil {
			l.close()
			return nil, err
		}
		l.links = append(l.links, one)
	}
	return l, nil
}

func (l *load) close() {
	for _, one := range l.links {
		_ = one.conn.Close() // nothing is under way
	}
}

// run sends until more says no, and waits for the last acknowledgements. ctx
// cuts what is under way.
func (l *load) run(ctx context.Context, more func() bool) {
	var senders sync.WaitGroup
	for i, one := range l.links {
		own := copies(l.batches)
		senders.Go(func() {
			for next := i * len(own) / len(l.links); ctx.Err() == nil && more(); next++ {
				l.send(ctx, one, own[next%len(own)])
			}
		})
	}
	senders.Wait()
}

func (l *load) send(ctx context.Context, by *link, b *batch) {
	began := time.Now()
	b.renew(l.serial.Add(1), began)
	rejected, err := by.send(ctx, b)
	l.took(time.Since(began))
	if err != nil {
		l.failed.Add(1)
		l.once.Do(func() { l.first = err })
		wait(ctx, retryAfter)
		return
	}
	l.rejected.Add(int64(rejected))
	l.acknowledged.Add(int64(b.records - rejected))
}

func (l *load) took(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.times = append(l.times, d)
}

// trouble is what went wrong, for people; "" for nothing.
func (l *load) trouble() string {
	if l.failed.Load() == 0 && l.rejected.Load() == 0 {
		return ""
	}
	return fmt.Sprintf("%d requests failed, %d records were rejected; first error: %v", l.failed.Load(), l.rejected.Load(), l.first)
}

// wait returns early when ctx is done.
func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
