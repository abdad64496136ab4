// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package ingest

import (
	"math"
	"sync"
	"time"
)

// pulse is how writes fare now: what it counts fades, so that after some seconds
// nothing is left of what was.
type pulse struct {
	mu                             sync.Mutex
	at                             time.Time // up to which the sums have faded
	records, bytes, batches, spent float64
}

// pulseFades is how long it takes until a third is left of what was counted.
const pulseFades = 5 * time.Second

// add counts one batch that was taken.
func (p *pulse) add(now time.Time, records, bytes int, took time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fade(now)
	p.records += float64(records)
	p.bytes += float64(bytes)
	p.batches++
	p.spent += took.Seconds()
}

// fade brings the sums up to now. The caller holds the lock.
func (p *pulse) fade(now time.Time) {
	passed := now.Sub(p.at)
	if passed <= 0 {
		return
	}
	left := math.Exp(-float64(passed) / float64(pulseFades))
	p.records, p.bytes, p.batches, p.spent = p.records*left, p.bytes*left, p.batches*left, p.spent*left
	p.at = now
}

// beat holds the figures of a pulse: all 0 if nothing was accepted lately.
type beat struct {
	// perWriter is the records a second of one that writes batch after batch. It is
	// what a batch holds by how long one takes, and so is true from the first on.
	perWriter      float64
	bytesPerRecord float64
	latency        time.Duration // of one batch on average, from its arrival to its acknowledgement
}

func (p *pulse) now(now time.Time) beat {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fade(now)
	if p.batches < 1e-9 || p.records < 1e-9 {
		return beat{}
	}
	return beat{
		perWriter:      p.records / max(p.spent, 1e-9),
		bytesPerRecord: p.bytes / p.records,
		latency:        time.Duration(p.spent / p.batches * float64(time.Second)),
	}
}
