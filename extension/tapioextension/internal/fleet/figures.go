// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"iter"
	"maps"
	"math/bits"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Figures is what was counted of the writes of one sender, or of all.
type Figures struct {
	accepted, batches, duplicates, bytes atomic.Uint64
	latency                              Latency

	mu       sync.Mutex
	rejected map[string]uint64
}

// Write is what became of one batch.
type Write struct {
	Accepted  uint64
	Rejected  map[string]uint64 // records by reason
	Bytes     int               // received, unpacked
	Took      time.Duration     // from its arrival to its acknowledgement
	Duplicate bool
}

// Add counts one batch. A nil *Figures takes it and forgets it.
func (f *Figures) Add(w Write) {
	if f == nil {
		return
	}
	f.bytes.Add(uint64(w.Bytes))
	f.latency.Add(w.Took)
	if w.Duplicate {
		f.duplicates.Add(1)
		return
	}
	f.accepted.Add(w.Accepted)
	if w.Accepted > 0 {
		f.batches.Add(1)
	}
	if len(w.Rejected) == 0 {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.rejected == nil {
		f.rejected = map[string]uint64{}
	}
	for reason, n := range w.Rejected {
		f.rejected[reason] += n
	}
}

// Accepted counts records taken.
func (f *Figures) Accepted() uint64 { return f.accepted.Load() }

// Batches counts batches of which records were taken.
func (f *Figures) Batches() uint64 { return f.batches.Load() }

// Duplicates counts batches that had been stored before.
func (f *Figures) Duplicates() uint64 { return f.duplicates.Load() }

// Bytes counts what was received, unpacked.
func (f *Figures) Bytes() uint64 { return f.bytes.Load() }

// Rejected counts records refused, by reason.
func (f *Figures) Rejected() map[string]uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return maps.Clone(f.rejected)
}

// Latency returns the times from arrival to acknowledgement.
func (f *Figures) Latency() *Latency { return &f.latency }

// The buckets of Latency: eight to each power of two microseconds, up to two
// hours and more, so that a quantile is off by an eighth at most.
const (
	latencySteps   = 8
	latencyBuckets = 33 * latencySteps
)

// Latency is a histogram of times. The zero value is empty.
type Latency struct {
	buckets [latencyBuckets]atomic.Uint32
}

// Add counts one time.
func (l *Latency) Add(took time.Duration) { l.buckets[bucketOf(took)].Add(1) }

func bucketOf(took time.Duration) int {
	micros := uint64(max(took/time.Microsecond, 0))
	if micros < latencySteps {
		return int(micros)
	}
	power := bits.Len64(micros) - bits.Len64(latencySteps-1) - 1 // how far the top bits are to be shifted
	return min((power+1)*latencySteps+int(micros>>power)-latencySteps, latencyBuckets-1)
}

// upperBound is the first time above a bucket.
func upperBound(bucket int) time.Duration {
	if bucket < latencySteps {
		return time.Duration(bucket+1) * time.Microsecond
	}
	power := bucket/latencySteps - 1
	return time.Duration(uint64(bucket%latencySteps+latencySteps+1)<<power) * time.Microsecond
}

// Quantiles returns, for each share of 0 to 1, a time that at least that share
// of all does not exceed; 0 of none.
func (l *Latency) Quantiles(shares ...float64) []time.Duration {
	var counts [latencyBuckets]uint64
	total := uint64(0)
	for i := range l.buckets {
		counts[i] = uint64(l.buckets[i].Load())
		total += counts[i]
	}
	out := make([]time.Duration, len(shares))
	if total == 0 {
		return out
	}
	for i, share := range shares {
		wanted, sum := max(uint64(share*float64(total)+0.5), 1), uint64(0)
		at := slices.IndexFunc(counts[:], func(n uint64) bool { sum += n; return sum >= wanted })
		out[i] = upperBound(at)
	}
	return out
}

// Buckets yields the upper bound and the count of each bucket that is not empty.
func (l *Latency) Buckets() iter.Seq2[time.Duration, uint64] {
	return func(yield func(time.Duration, uint64) bool) {
		for i := range l.buckets {
			if n := l.buckets[i].Load(); n > 0 && !yield(upperBound(i), uint64(n)) {
				return
			}
		}
	}
}

// Figures returns what is counted of a collector; nil if it is not registered.
func (r *Registry) Figures(id string) *Figures {
	r.mu.Lock()
	defer r.mu.Unlock()
	if m, found := r.members[id]; found {
		return m.figures
	}
	return nil
}

// AllFigures returns the figures of every collector, in the order of the ids.
func (r *Registry) AllFigures() (ids []string, figures []*Figures) {
	r.mu.Lock()
	defer r.mu.Unlock()
	ids = slices.Sorted(maps.Keys(r.members))
	for _, id := range ids {
		figures = append(figures, r.members[id].figures)
	}
	return ids, figures
}
