// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package lru has a table of bounded length.
package lru

import "iter"

// Table is a table of bounded length that evicts the least recently used entry. Iteration is in the
// order of use, so it is the same in each run. golang-lru iterates only over a copy of its keys; see
// ADR 0121.
type Table[K comparable, V any] struct {
	entries     map[K]*entry[K, V]
	first, last *entry[K, V] // the most and the least recently used entry
	Capacity    int
	Evicted     int
	OnEvict     func(V)
}

type entry[K comparable, V any] struct {
	key          K
	value        V
	newer, older *entry[K, V]
}

// New makes a table for this many entries, at least one.
func New[K comparable, V any](capacity int) *Table[K, V] {
	return &Table[K, V]{entries: map[K]*entry[K, V]{}, Capacity: max(capacity, 1)}
}

// Size is the number of entries.
func (l *Table[K, V]) Size() int { return len(l.entries) }

// Peek returns the value without marking it as used, nil for none.
func (l *Table[K, V]) Peek(key K) *V {
	if entry := l.entries[key]; entry != nil {
		return &entry.value
	}
	return nil
}

// Get returns the value, nil for none.
func (l *Table[K, V]) Get(key K) *V {
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

// Last returns the least recently used key and its value. The table must not be empty.
func (l *Table[K, V]) Last() (K, V) { return l.last.key, l.last.value }

// Oldest returns the value that put would evict, nil while there is space.
func (l *Table[K, V]) Oldest() *V {
	if len(l.entries) < l.Capacity {
		return nil
	}
	return &l.last.value
}

// Put adds a value under a new key.
func (l *Table[K, V]) Put(key K, value V) *V {
	if len(l.entries) >= l.Capacity {
		if l.OnEvict != nil {
			l.OnEvict(l.last.value)
		}
		delete(l.entries, l.last.key)
		l.unlink(l.last)
		l.Evicted++
	}
	entry := &entry[K, V]{key: key, value: value}
	l.entries[key] = entry
	l.link(entry)
	return &entry.value
}

// Set puts a value under a key that may be there already.
func (l *Table[K, V]) Set(key K, value V) {
	if held := l.Get(key); held != nil {
		*held = value
		return
	}
	l.Put(key, value)
}

// Remove removes a key, if it is there. This is no eviction.
func (l *Table[K, V]) Remove(key K) {
	if entry := l.entries[key]; entry != nil {
		delete(l.entries, key)
		l.unlink(entry)
	}
}

// All iterates from the least recently used entry. The loop may remove the current entry.
func (l *Table[K, V]) All() iter.Seq2[K, *V] {
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

func (l *Table[K, V]) link(entry *entry[K, V]) {
	entry.older, entry.newer = l.first, nil
	if l.first != nil {
		l.first.newer = entry
	}
	l.first = entry
	if l.last == nil {
		l.last = entry
	}
}

func (l *Table[K, V]) unlink(entry *entry[K, V]) {
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
