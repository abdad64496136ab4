// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package dedup remembers which batches were stored, so that one that a sender
// sends again, after a cut or a timeout, is stored once.
package dedup

import (
	"context"
	"encoding/binary"
	"hash/maphash"
	"sync"
)

// Outcome is what became of a batch.
type Outcome struct{ Accepted, Rejected uint64 }

// Key names a batch: a hash of its sender and of its id or content.
type Key [16]byte

// Window is what is remembered: the outcomes of the latest batches, up to a
// bound in bytes. It is safe for concurrent use.
type Window struct {
	seeds [2]maphash.Seed

	mu      sync.Mutex
	max     int
	batches map[Key]*batch
	stored  []Key // a ring, oldest at next
	next    int
}

type batch struct {
	done    chan struct{} // closed when outcome is known, or the attempt failed
	outcome Outcome
	stored  bool
}

// entryBytes is what one remembered batch takes: its entry, its place in the
// ring and its share of the map.
const entryBytes = 160

// New makes a window of at most maxBytes.
func New(maxBytes int) *Window {
	return &Window{
		seeds:   [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()},
		max:     max(maxBytes/entryBytes, 1),
		batches: map[Key]*batch{},
	}
}

// Resize puts another bound in force. What exceeds it is forgotten.
func (w *Window) Resize(maxBytes int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	most := max(maxBytes/entryBytes, 1)
	ordered := append(append([]Key(nil), w.stored[w.next:]...), w.stored[:w.next]...)
	excess := max(len(ordered)-most, 0)
	for _, key := range ordered[:excess] {
		delete(w.batches, key)
	}
	w.max, w.stored, w.next = most, ordered[excess:], 0
}

// KeyOf hashes the parts, each of which is separated from its neighbors. The
// seeds are random, so no client can make two batches of one key on purpose.
func (w *Window) KeyOf(parts ...[]byte) Key {
	var key Key
	for i, seed := range w.seeds {
		var h maphash.Hash
		h.SetSeed(seed)
		for _, part := range parts {
			var size [8]byte
			binary.LittleEndian.PutUint64(size[:], uint64(len(part)))
			_, _ = h.Write(size[:]) // never fails
			_, _ = h.Write(part)    // never fails
		}
		binary.LittleEndian.PutUint64(key[8*i:], h.Sum64())
	}
	return key
}

// Enter asks whether a batch was stored. If it was, it returns its outcome and
// no settle. Else the caller stores it and calls settle, once, with what came
// of it, or with nil if nothing was stored. While another call has the same
// batch in hand, Enter waits for it, until ctx ends.
func (w *Window) Enter(ctx context.Context, key Key) (known Outcome, settle func(*Outcome), err error) {
	for {
		w.mu.Lock()
		b, found := w.batches[key]
		if !found {
			b = &batch{done: make(chan struct{})}
			w.batches[key] = b
			w.mu.Unlock()
			return Outcome{}, func(came *Outcome) { w.settle(key, b, came) }, nil
		}
		if b.stored {
			defer w.mu.Unlock()
			return b.outcome, nil, nil
		}
		w.mu.Unlock()
		select {
		case <-b.done: // look again: it may have failed
		case <-ctx.Done():
			return Outcome{}, nil, context.Cause(ctx)
		}
	}
}

func (w *Window) settle(key Key, b *batch, came *Outcome) {
	w.mu.Lock()
	defer w.mu.Unlock()
	defer close(b.done)
	if came == nil {
		delete(w.batches, key)
		return
	}
	b.outcome, b.stored = *came, true
	if len(w.stored) < w.max {
		w.stored = append(w.stored, key)
		return
	}
	delete(w.batches, w.stored[w.next])
	w.stored[w.next] = key
	w.next = (w.next + 1) % len(w.stored)
}
