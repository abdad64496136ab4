//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"errors"
	"fmt"
	"time"

	"github.com/cilium/ebpf"
)

// series are sums that grow, with the time each began.
type series[K comparable, V any] struct {
	byKey map[K]*sums[V]
	// limit bounds them; K's own fallback takes what is above it.
	limit int
}

type sums[V any] struct {
	value   V
	since   time.Time
	changed time.Time
	grown   bool // since they were last reported
}

func newSeries[K comparable, V any](limit int) *series[K, V] {
	return &series[K, V]{byKey: map[K]*sums[V]{}, limit: limit}
}

// of returns the sums to grow: those of the key. A new key at the limit replaces the
// one that has not grown for the longest time; if all have grown since they were last
// reported, the sums of the fallback are returned.
func (s *series[K, V]) of(key, fallback K, since, now time.Time) *V {
	one, ok := s.byKey[key]
	if !ok && len(s.byKey) >= s.limit && !s.evict(fallback) {
		key = fallback
		one, ok = s.byKey[key]
	}
	if !ok {
		one = &sums[V]{since: since}
		s.byKey[key] = one
	}
	one.changed, one.grown = now, true
	return &one.value
}

// evict forgets the sums that have not grown for the longest time, never those of the
// fallback or sums that are still to be reported. It returns false if there are none.
// If the evicted key grows again, its sums begin again at zero, with a new start time.
func (s *series[K, V]) evict(fallback K) bool {
	var oldest *sums[V]
	var of K
	for key, one := range s.byKey {
		if key != fallback && !one.grown && (oldest == nil || one.changed.Before(oldest.changed)) {
			of, oldest = key, one
		}
	}
	if oldest == nil {
		return false
	}
	delete(s.byKey, of)
	return true
}

// idle is how long sums are kept that do not grow.
const idle = 10 * time.Minute

// changed calls the function for the sums that have grown since it was last called,
// and forgets those that have long not.
func (s *series[K, V]) changed(now time.Time, each func(key K, value *V, since time.Time)) {
	for key, one := range s.byKey {
		switch {
		case one.grown:
			one.grown = false
			each(key, &one.value, one.since)
		case now.Sub(one.changed) > idle:
			delete(s.byKey, key)
		}
	}
}

// readAtOnce is how many entries one call into the kernel reads.
const readAtOnce = 512

// reading reads all entries of a map of the kernel.
type reading[K comparable, V any] struct {
	kernel *ebpf.Map
	keys   []K
	values []V
}

func newReading[K comparable, V any](m *ebpf.Map) reading[K, V] {
	return reading[K, V]{kernel: m, keys: make([]K, readAtOnce), values: make([]V, readAtOnce)}
}

func (r *reading[K, V]) each(take func(key *K, value *V)) error {
	var cursor ebpf.MapBatchCursor
	for {
		n, err := r.kernel.BatchLookup(&cursor, r.keys, r.values, nil)
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

// counter reads a map of the kernel and says what has grown.
type counter[K comparable, V comparable] struct {
	reading[K, V]
	before map[K]*counted[V]
}

type counted[V any] struct {
	value   V
	changed time.Time
}

func newCounter[K comparable, V comparable](m *ebpf.Map) *counter[K, V] {
	return &counter[K, V]{reading: newReading[K, V](m), before: map[K]*counted[V]{}}
}

// read calls the function for what has grown, and removes from the kernel what has
// long not. A new key is left to the next read if wait
// is not nil and returns true for it.
func (c *counter[K, V]) read(now time.Time, wait func(key *K, value *V) bool, grown func(key *K, value, before *V)) error {
	var stale []K
	err := c.each(func(key *K, value *V) {
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
		case now.Sub(last.changed) > idle:
			stale = append(stale, *key)
		}
	})
	for _, key := range stale {
		err = errors.Join(err, c.remove(key, grown))
	}
	return err
}

// remove takes the entry out, with what was counted since it was read.
func (c *counter[K, V]) remove(key K, grown func(key *K, value, before *V)) error {
	last := c.before[key]
	delete(c.before, key)
	var value V
	if err := c.kernel.LookupAndDelete(key, &value); err != nil {
		if errors.Is(err, ebpf.ErrKeyNotExist) {
			return nil
		}
		return fmt.Errorf("remove an idle count: %w", err)
	}
	if value != last.value {
		grown(&key, &value, &last.value)
	}
	return nil
}
