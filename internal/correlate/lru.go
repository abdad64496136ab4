// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import "iter"

// lru is a table of bounded length that evicts the least recently used entry. Iteration is in the
// order of use, so it is the same in each run. golang-lru iterates only over a copy of its keys; see
// ADR 0121.
type lru[K comparable, V any] struct {
	entries     map[K]*lruEntry[K, V]
	first, last *lruEntry[K, V] // the most and the least recently used entry
	capacity    int
	evicted     int
	onEvict     func(V)
}

type lruEntry[K comparable, V any] struct {
	key          K
	value        V
	newer, older *lruEntry[K, V]
}

func newLRU[K comparable, V any](capacity int) *lru[K, V] {
	return &lru[K, V]{entries: map[K]*lruEntry[K, V]{}, capacity: max(capacity, 1)}
}

func (l *lru[K, V]) size() int { return len(l.entries) }

// peek returns the value without marking it as used, nil for none.
func (l *lru[K, V]) peek(key K) *V {
	if entry := l.entries[key]; entry != nil {
		return &entry.value
	}
	return nil
}

// get returns the value, nil for none.
func (l *lru[K, V]) get(key K) *V {
	entry := l.entries[key]
	if entry == nil {
		return nil
	}
	if entry != l.first {
		l.unlink(entry)
		l.link(entry)
	}
	return &entry.value
}

// oldest returns the value that put would evict, nil while there is space.
func (l *lru[K, V]) oldest() *V {
	if len(l.entries) < l.capacity {
		return nil
	}
	return &l.last.value
}

// put adds a value under a new key.
func (l *lru[K, V]) put(key K, value V) *V {
	if len(l.entries) >= l.capacity {
		if l.onEvict != nil {
			l.onEvict(l.last.value)
		}
		delete(l.entries, l.last.key)
		l.unlink(l.last)
		l.evicted++
	}
	entry := &lruEntry[K, V]{key: key, value: value}
	l.entries[key] = entry
	l.link(entry)
	return &entry.value
}

func (l *lru[K, V]) remove(key K) {
	if entry := l.entries[key]; entry != nil {
		delete(l.entries, key)
		l.unlink(entry)
	}
}

// all iterates from the least recently used entry. The loop may remove the current entry.
func (l *lru[K, V]) all() iter.Seq2[K, *V] {
	return func(yield func(K, *V) bool) {
		for entry := l.last; entry != nil; {
			newer := entry.newer
			if !yield(entry.key, &entry.value) {
				return
			}
			entry = newer
		}
	}
}

func (l *lru[K, V]) link(entry *lruEntry[K, V]) {
	entry.older, entry.newer = l.first, nil
	if l.first != nil {
		l.first.newer = entry
	}
	l.first = entry
	if l.last == nil {
		l.last = entry
	}
}

func (l *lru[K, V]) unlink(entry *lruEntry[K, V]) {
	if entry.newer != nil {
		entry.newer.older = entry.older
	} else {
		l.first = entry.older
	}
	if entry.older != nil {
		entry.older.newer = entry.newer
	} else {
		l.last = entry.newer
	}
}
