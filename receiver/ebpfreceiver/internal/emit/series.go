//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package emit

import (
	"errors"
	"fmt"
	"time"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// Series are sums that grow, with the time each began.
type Series[K comparable, V any] struct {
	ByKey map[K]*sums[V]
	// limit bounds them; K's own fallback takes what is above it.
	limit int
}

type sums[V any] struct {
	Value   V
	since   time.Time
	changed time.Time
	grown   bool // since they were last reported
}

// NewSeries makes series with that many keys at most.
func NewSeries[K comparable, V any](limit int) *Series[K, V] {
	return &Series[K, V]{ByKey: map[K]*sums[V]{}, limit: limit}
}

// Of returns the sums to grow: those of the key. A new key at the limit replaces the
// one that has not grown for the longest time; if all have grown since they were last
// reported, the sums of the fallback are returned.
func (s *Series[K, V]) Of(key, fallback K, since, now time.Time) *V {
	one, ok := s.ByKey[key]
	if !ok && len(s.ByKey) >= s.limit && !s.evict(fallback) {
		key = fallback
		one, ok = s.ByKey[key]
	}
	if !ok {
		one = &sums[V]{since: since}
		s.ByKey[key] = one
	}
	one.changed, one.grown = now, true
	return &one.Value
}

// evict forgets the sums that have not grown for the longest time, never those of the
// fallback or sums that are still to be reported. It returns false if there are none.
// If the evicted key grows again, its sums begin again at zero, with a new start time.
func (s *Series[K, V]) evict(fallback K) bool {
	var oldest *sums[V]
	var of K
	for key, one := range s.ByKey {
		if key != fallback && !one.grown && (oldest == nil || one.changed.Before(oldest.changed)) {
			of, oldest = key, one
		}
	}
	if oldest == nil {
		return false
	}
	delete(s.ByKey, of)
	return true
}

// Idle is how long sums are kept that do not grow.
const Idle = 10 * time.Minute

// Changed calls the function for the sums that have grown since it was last called,
// and forgets those that have long not.
func (s *Series[K, V]) Changed(now time.Time, each func(key K, value *V, since time.Time)) {
	for key, one := range s.ByKey {
		switch {
		case one.grown:
			one.grown = false
			each(key, &one.Value, one.since)
		case now.Sub(one.changed) > Idle:
			delete(s.ByKey, key)
		}
	}
}

// readAtOnce is how many entries one call into the kernel reads.
const readAtOnce = 512

// Reading reads all entries of a map of the kernel.
type Reading[K comparable, V any] struct {
	Kernel *ebpf.Map
	keys   []K
	values []V
}

// NewReading reads a map of the kernel.
func NewReading[K comparable, V any](m *ebpf.Map) Reading[K, V] {
	return Reading[K, V]{Kernel: m, keys: make([]K, readAtOnce), values: make([]V, readAtOnce)}
}

// Each calls take for each key and value of the map.
func (r *Reading[K, V]) Each(take func(key *K, value *V)) error {
	var cursor ebpf.MapBatchCursor
	for {
		n, err := r.Kernel.BatchLookup(&cursor, r.keys, r.values, nil)
		if err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
			return fmt.Errorf("read what the kernel counted: %w", err)
		}
		for i := range n {
			take(&r.keys[i], &r.values[i])
		}
		if err != nil {
			return nil
		}
	}
}

// Counter reads a map of the kernel and reports what has grown.
type Counter[K comparable, V comparable] struct {
	Reading[K, V]
	before map[K]*counted[V]
	fixed  bool // the map is an array, from which nothing can be removed
}

type counted[V any] struct {
	value   V
	changed time.Time
}

// NewCounter reads a map of the kernel in batches where it can.
func NewCounter[K comparable, V comparable](m *ebpf.Map) *Counter[K, V] {
	return &Counter[K, V]{Reading: NewReading[K, V](m), before: map[K]*counted[V]{}, fixed: m.Type() == ebpf.Array}
}

// Read calls the function for what has grown, and removes from the kernel what has
// long not. A new key is left to the next read if wait
// is not nil and returns true for it.
func (c *Counter[K, V]) Read(now time.Time, wait func(key *K, value *V) bool, grown func(key *K, value, before *V)) error {
	var stale []K
	err := c.Each(func(key *K, value *V) {
		last, ok := c.before[*key]
		if !ok {
			last = &counted[V]{changed: now}
			c.before[*key] = last
			if wait != nil && wait(key, value) {
				return
			}
		}
		switch {
		case *value != last.value:
			grown(key, value, &last.value)
			last.value, last.changed = *value, now
		case !c.fixed && now.Sub(last.changed) > Idle:
			stale = append(stale, *key)
		}
	})
	for _, key := range stale {
		err = errors.Join(err, c.remove(key, now, grown))
	}
	return err
}

// remove takes the entry out, with what was counted since it was read. What was counted
// is remembered for an entry that stays, or it would be reported as grown again.
func (c *Counter[K, V]) remove(key K, now time.Time, grown func(key *K, value, before *V)) error {
	last := c.before[key]
	var value V
	err := c.Kernel.LookupAndDelete(key, &value)
	if err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
		last.changed = now
		return fmt.Errorf("remove an idle count: %w", err)
	}
	delete(c.before, key)
	if err == nil && value != last.value {
		grown(&key, &value, &last.value)
	}
	return nil
}

// IsGone reports whether there is no process with that id.
func IsGone(pid uint32) bool { return errors.Is(unix.Kill(int(pid), 0), unix.ESRCH) }
