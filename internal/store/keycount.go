// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"hash/maphash"

	"github.com/tapio/tapio/internal/model"
)

const (
	// maxChunkKeys is how many different keys of attributes the rows of a chunk may
	// have. Sealing gathers what it knows of each, up to a kilobyte, so that a chunk
	// of a hundred thousand keys would take many times its own size.
	maxChunkKeys = 1 << 13
	// keyCountBits is how many hashes are told apart; the more keys there are, the
	// more of them go uncounted.
	keyCountBits = 1 << 16
)

// keyCount counts the different keys of attributes in a chunk, about.
type keyCount struct {
	seed   maphash.Seed
	seen   [keyCountBits / 64]uint64
	keys   int
	before model.Attributes // of the latest row, which most rows are like
}

// note counts the keys of a row.
func (c *keyCount) note(list model.Attributes) {
	for i := range list {
		if i < len(c.before) && sameText(c.before[i].Key, list[i].Key) {
			continue
		}
		h := maphash.String(c.seed, list[i].Key) % keyCountBits
		if bit := uint64(1) << (h % 64); c.seen[h/64]&bit == 0 {
			c.seen[h/64] |= bit
			c.keys++
		}
	}
	c.before = list
}

// full reports whether the chunk must take no more rows.
func (c *keyCount) full() bool { return c.keys >= maxChunkKeys }

// reset begins a chunk.
func (c *keyCount) reset() {
	if c.keys > 0 {
		clear(c.seen[:])
	}
	c.keys, c.before = 0, nil
}
