// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package ingestcontrol

import (
	"encoding/binary"
	"iter"
	"math"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

// Reason is why a record was dropped.
type Reason int

// The reasons, in the order in which they are looked at.
const (
	ReasonDisabled Reason = iota
	ReasonFilter
	ReasonSampling
	ReasonRateLimit
	reasons
)

// String returns the reason as metrics name it.
func (r Reason) String() string {
	return [reasons]string{"disabled", "filter", "sampling", "rate_limit"}[r]
}

// Gate lets records of one signal pass, and counts those that it drops. It is
// safe for concurrent use.
type Gate struct {
	enabled bool
	share   float64 // the part that sampling lets pass
	limit   *rate.Limiter

	seen    atomic.Uint64 // records without a trace that sampling looked at
	dropped [reasons]atomic.Uint64
}

// NewGate makes the gate of a checked configuration.
func NewGate(c Config) *Gate {
	g := &Gate{enabled: c.Enabled, share: c.SamplingPercent / 100}
	if c.MaxPerSecond > 0 {
		g.limit = rate.NewLimiter(rate.Limit(c.MaxPerSecond), int(min(math.Ceil(c.MaxPerSecond), math.MaxInt32)))
	}
	return g
}

// Enabled reports whether any record passes.
func (g *Gate) Enabled() bool { return g.enabled }

// Open reports whether everything passes, so that no record need be looked at.
func (g *Gate) Open() bool { return g.enabled && g.share >= 1 && g.limit == nil }

// Drop decides on one record, in the order that costs least: what a condition
// drops does not count towards the maximum per second. Of a trace, unless its id
// is zero, all spans pass the sampling or none.
func (g *Gate) Drop(now time.Time, wanted bool, trace [16]byte) bool {
	switch {
	case !g.enabled:
		g.dropped[ReasonDisabled].Add(1)
	case !wanted:
		g.dropped[ReasonFilter].Add(1)
	case !g.sample(trace):
		g.dropped[ReasonSampling].Add(1)
	case g.limit != nil && !g.limit.AllowN(now, 1):
		g.dropped[ReasonRateLimit].Add(1)
	default:
		return false
	}
	return true
}

// DropAll counts records that were dropped without a look at each.
func (g *Gate) DropAll(reason Reason, n int) { g.dropped[reason].Add(uint64(n)) }

// Dropped gives the records dropped since the start, by reason.
func (g *Gate) Dropped() iter.Seq2[Reason, uint64] {
	return func(yield func(Reason, uint64) bool) {
		for i := range g.dropped {
			if !yield(Reason(i), g.dropped[i].Load()) {
				return
			}
		}
	}
}

func (g *Gate) sample(trace [16]byte) bool {
	if g.share >= 1 {
		return true
	}
	if trace != [16]byte{} {
		// The last seven bytes of an id are random, by W3C's trace context.
		random := binary.BigEndian.Uint64(trace[8:]) & (1<<56 - 1)
		return float64(random) < g.share*math.Exp2(56)
	}
	n := float64(g.seen.Add(1))
	return math.Floor(n*g.share) > math.Floor((n-1)*g.share)
}
