// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package ebpfreceiver

import (
	"context"
	"encoding/binary"
	"math"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"golang.org/x/time/rate"
)

// gate lets records of one signal pass, and counts those that it keeps back by
// the stage that did.
type gate struct {
	enabled bool
	// share is the part that sampling lets pass; carry what of a record is due.
	share, carry float64
	limit        *rate.Limiter

	filtered, sampled, limited, refused atomic.Uint64
}

func newGate(c SignalConfig) *gate {
	g := &gate{enabled: c.Enabled, share: c.SamplingPercent / 100}
	if c.MaxPerSecond > 0 {
		g.limit = rate.NewLimiter(rate.Limit(c.MaxPerSecond), int(min(math.Ceil(c.MaxPerSecond), math.MaxInt32)))
	}
	return g
}

// open reports whether everything passes, so that no record need be looked at.
func (g *gate) open() bool { return g.share >= 1 && g.limit == nil }

// drop decides on one record, in the order that costs least: what a condition
// throws away takes no room under the limit. Of a trace, unless it has no id,
// all spans pass the sampling or none.
func (g *gate) drop(now time.Time, wanted bool, trace pcommon.TraceID) bool {
	switch {
	case !wanted:
		g.filtered.Add(1)
	case !g.sample(trace):
		g.sampled.Add(1)
	case g.limit != nil && !g.limit.AllowN(now, 1):
		g.limited.Add(1)
	default:
		return false
	}
	return true
}

func (g *gate) sample(trace pcommon.TraceID) bool {
	if g.share >= 1 {
		return true
	}
	if !trace.IsEmpty() {
		// The last seven bytes of an id are random, by W3C's trace context.
		random := binary.BigEndian.Uint64(trace[8:]) & (1<<56 - 1)
		return float64(random) < g.share*math.Exp2(56)
	}
	g.carry += g.share
	if g.carry < 1 {
		return false
	}
	g.carry--
	return true
}

// wants evaluates the conditions.
func (f *filter[K]) wants(ctx context.Context, record K) bool {
	// Errors are silent, see sequence: an error is a condition that does not hold.
	if f.include != nil {
		if held, err := f.include.Eval(ctx, record); err != nil || !held {
			return false
		}
	}
	if f.exclude != nil {
		if held, err := f.exclude.Eval(ctx, record); err == nil && held {
			return false
		}
	}
	return true
}
