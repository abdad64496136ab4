//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/identity"
)

// The kernel counts by process, and processes come and go. The points are by
// program and place, so that their number has a bound and their counts go on
// when a process ends.

// maxSeries bounds the series that a probe keeps.
const maxSeries = 4096

// program is whose counts belong together.
type program struct {
	place *identity.Place
	name  string
}

// series are sums that grow, with the time each began.
type series[K comparable, V any] struct {
	byKey map[K]*sums[V]
	// full counts what found no room.
	full atomic.Uint64 // read by whoever collects the account
}

type sums[V any] struct {
	value   V
	since   time.Time
	changed time.Time
}

func newSeries[K comparable, V any]() *series[K, V] {
	return &series[K, V]{byKey: map[K]*sums[V]{}}
}

// of returns the sums to grow, nil if there is no room for another one.
func (s *series[K, V]) of(key K, since, now time.Time) *V {
	one, ok := s.byKey[key]
	if !ok {
		if len(s.byKey) >= maxSeries {
			s.full.Add(1)
			return nil
		}
		one = &sums[V]{since: since}
		s.byKey[key] = one
	}
	one.changed = now
	return &one.value
}

// idle is how long sums are kept that do not grow.
const idle = 10 * time.Minute

// changed calls the function for the sums that have grown now, and forgets those
// that have long not.
func (s *series[K, V]) changed(now time.Time, each func(key K, value *V, since time.Time)) {
	for key, one := range s.byKey {
		switch {
		case one.changed.Equal(now):
			each(key, &one.value, one.since)
		case now.Sub(one.changed) > idle:
			delete(s.byKey, key)
		}
	}
}

// counter reads a map of the kernel by process, and says what has grown.
type counter[K comparable, V comparable] struct {
	kernel *ebpf.Map
	before map[K]V
	pid    func(K) uint32
	keys   []K
	values []V
}

// readAtOnce is how many entries one call into the kernel reads.
const readAtOnce = 1024

func newCounter[K comparable, V comparable](m *ebpf.Map, pid func(K) uint32) *counter[K, V] {
	return &counter[K, V]{
		kernel: m, before: map[K]V{}, pid: pid, keys: make([]K, readAtOnce), values: make([]V, readAtOnce),
	}
}

// read calls the function for what has grown, and lets the kernel forget
// processes that have ended.
func (c *counter[K, V]) read(each func(key K, now, before *V)) error {
	var cursor ebpf.MapBatchCursor
	var ended []K
	for {
		n, err := c.kernel.BatchLookup(&cursor, c.keys, c.values, nil)
		if err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
			return fmt.Errorf("read what the kernel counted: %w", err)
		}
		for i := range n {
			key, now := c.keys[i], c.values[i]
			before := c.before[key]
			if now != before {
				each(key, &now, &before)
				c.before[key] = now
			} else if gone(c.pid(key)) {
				ended = append(ended, key)
			}
		}
		if err != nil {
			return c.forget(ended)
		}
	}
}

func (c *counter[K, V]) forget(keys []K) error {
	for _, key := range keys {
		delete(c.before, key)
		if err := c.kernel.Delete(key); err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
			return fmt.Errorf("let the kernel forget a process: %w", err)
		}
	}
	return nil
}

// gone reports whether there is no process with that id.
func gone(pid uint32) bool { return errors.Is(unix.Kill(int(pid), 0), unix.ESRCH) }
