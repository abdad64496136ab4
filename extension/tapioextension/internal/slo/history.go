// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package slo

import (
	"time"

	"github.com/tapio/tapio/internal/model"
)

// counts are requests, weighted by what each stands for where spans are sampled.
type counts struct{ Total, Bad float64 }

func (c *counts) add(o counts) {
	c.Total += o.Total
	c.Bad += o.Bad
}

// ratio is the share of bad requests, 0 without any.
func (c counts) ratio() float64 {
	if c.Total == 0 {
		return 0
	}
	return c.Bad / c.Total
}

// ring counts over time, in intervals of one width.
type ring struct {
	Width   model.Nanos
	Newest  uint64 // number of the newest interval
	Buckets []counts
}

func newRing(width time.Duration, intervals int) ring {
	return ring{Width: model.Nanos(width), Buckets: make([]counts, intervals)}
}

// add counts at a time; what is older than the ring is left out.
func (r *ring) add(at model.Nanos, c counts) {
	interval := uint64(at / r.Width)
	n := uint64(len(r.Buckets))
	switch {
	case interval > r.Newest:
		for i := max(r.Newest+1, interval-min(interval, n-1)); i <= interval; i++ {
			r.Buckets[i%n] = counts{}
		}
		r.Newest = interval
	case interval+n <= r.Newest:
		return
	}
	r.Buckets[interval%n].add(c)
}

// sum counts what happened in the window that ends at a time.
func (r *ring) sum(now model.Nanos, window time.Duration) (sum counts) {
	last, n := uint64(now/r.Width), uint64(len(r.Buckets))
	first := uint64((now - min(now, model.Nanos(window))) / r.Width)
	first = max(first+1, r.Newest+1-min(r.Newest+1, n), last+1-min(last+1, n))
	for i := first; i <= min(last, r.Newest); i++ {
		sum.add(r.Buckets[i%n])
	}
	return sum
}

const (
	fineWidth     = 30 * time.Second
	fineIntervals = 6*60*2 + 1 // six hours
	fineSpan      = 6 * time.Hour
	coarseParts   = 720 // of the budget's window: hours, where that is 30 days
)

// history counts the requests of one objective.
type history struct {
	Fine, Coarse ring
	// Total counts since the beginning.
	Total counts
	Since model.Nanos
}

func newHistory(window time.Duration) history {
	return history{Fine: newRing(fineWidth, fineIntervals), Coarse: newRing(max(window/coarseParts, time.Minute), coarseParts+1)}
}

func (h *history) add(at model.Nanos, c counts) {
	if h.Since == 0 || at < h.Since {
		h.Since = at
	}
	h.Total.add(c)
	h.Fine.add(at, c)
	h.Coarse.add(at, c)
}

func (h *history) sum(now model.Nanos, window time.Duration) counts {
	if window <= fineSpan {
		return h.Fine.sum(now, window)
	}
	return h.Coarse.sum(now, window)
}
