// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package intern

import (
	"hash/maphash"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/store/colenc"
)

const (
	// maxChunkKeys is how many different keys of attributes the rows of a chunk may
	// have. Compaction gathers what it knows of each, up to a kilobyte, so that a chunk
	// of a hundred thousand keys would take many times its own size.
	maxChunkKeys = 1 << 13
	// keyCountBits is how many hashes are distinguished; the more keys there are, the
	// more of them go uncounted.
	keyCountBits = 1 << 16
)

// KeyCount counts the different keys of attributes in a chunk, about.
type KeyCount struct {
	Seed   maphash.Seed
	seen   [keyCountBits / 64]uint64
	keys   int
	Before model.Attributes // of the latest row, which most rows are like
}

// Note counts the keys of a row.
func (c *KeyCount) Note(list model.Attributes) {
	for i := range list {
		if i < len(c.Before) && colenc.SameText(c.Before[i].Key, list[i].Key) {
			continue
		}
		h := maphash.String(c.Seed, list[i].Key) % keyCountBits
		if bit := uint64(1) << (h % 64); c.seen[h/64]&bit == 0 {
			c.seen[h/64] |= bit
			c.keys++
		}
	}
	c.Before = list
}

// Full reports whether the chunk must take no more rows.
func (c *KeyCount) Full() bool { return c.keys >= maxChunkKeys }

// Reset begins a chunk.
func (c *KeyCount) Reset() {
	if c.keys > 0 {
		clear(c.seen[:])
	}
	c.keys, c.Before = 0, nil
}
