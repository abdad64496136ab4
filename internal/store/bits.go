// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"encoding/binary"
	"math/bits"
)

// bitWriter appends bits to bytes, the most significant first.
type bitWriter struct {
	bytes []byte
	word  uint64 // bits that are not in bytes yet, at the lower end
	held  uint   // how many: at most 7 between calls
}

// put appends the lowest n bits of v, at most 56.
func (w *bitWriter) put(v uint64, n uint) {
	w.word, w.held = w.word<<n|v&(1<<n-1), w.held+n
	for w.held >= 8 {
		w.held -= 8
		w.bytes = append(w.bytes, byte(w.word>>w.held))
	}
}

// putWide appends up to 64 bits.
func (w *bitWriter) putWide(v uint64, n uint) {
	if n > 32 {
		w.put(v>>32, n-32)
		n = 32
	}
	w.put(v, n)
}

// end fills the last byte.
func (w *bitWriter) end() {
	if w.held > 0 {
		w.put(0, 8-w.held)
	}
}

// bitReader reads what bitWriter wrote; behind the end there are zeros.
type bitReader struct {
	bytes []byte
	word  uint64 // bits read ahead, at the upper end
	held  uint
}

// fill reads ahead to more than 56 bits.
func (r *bitReader) fill() {
	if len(r.bytes) >= 8 {
		// What is more than whole bytes is read once more, to the same place.
		r.word |= binary.BigEndian.Uint64(r.bytes) >> r.held
		n := (64 - r.held) / 8
		r.bytes, r.held = r.bytes[n:], r.held+8*n
		return
	}
	for r.held <= 56 {
		var next uint64
		if len(r.bytes) > 0 {
			next, r.bytes = uint64(r.bytes[0]), r.bytes[1:]
		}
		r.word |= next << (56 - r.held)
		r.held += 8
	}
}

// get reads n bits, at most 56.
func (r *bitReader) get(n uint) uint64 {
	if r.held < n {
		r.fill()
	}
	v := r.word >> 1 >> (63 - n) // n may be 0
	r.word, r.held = r.word<<n, r.held-n
	return v
}

func (r *bitReader) getWide(n uint) uint64 {
	if n <= 32 {
		return r.get(n)
	}
	high := r.get(n - 32)
	return high<<32 | r.get(32)
}

// bit reads one bit.
func (r *bitReader) bit() bool { return r.get(1) != 0 }

// ones reads up to most ones, at most 55, and the zero that ends them, if they are fewer.
func (r *bitReader) ones(most int) int {
	if r.held <= uint(most) {
		r.fill()
	}
	n := min(bits.LeadingZeros64(^r.word), most)
	read := uint(min(n+1, most))
	r.word, r.held = r.word<<read, r.held-read
	return n
}
