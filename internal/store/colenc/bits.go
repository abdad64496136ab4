// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package colenc

import (
	"encoding/binary"
	"math/bits"
)

// BitWriter appends bits to bytes, the most significant first.
type BitWriter struct {
	Bytes []byte
	word  uint64 // bits that are not in bytes yet, at the lower end
	held  uint   // how many: at most 7 between calls
}

// Put appends the lowest n bits of v, at most 56.
func (w *BitWriter) Put(v uint64, n uint) {
	w.word, w.held = w.word<<n|v&(1<<n-1), w.held+n
	for w.held >= 8 {
		w.held -= 8
		w.Bytes = append(w.Bytes, byte(w.word>>w.held))
	}
}

// PutWide appends up to 64 bits.
func (w *BitWriter) PutWide(v uint64, n uint) {
	if n > 32 {
		w.Put(v>>32, n-32)
		n = 32
	}
	w.Put(v, n)
}

// End fills the last byte.
func (w *BitWriter) End() {
	if w.held > 0 {
		w.Put(0, 8-w.held)
	}
}

// BitReader reads what BitWriter wrote; behind the end there are zeros.
type BitReader struct {
	Bytes []byte
	Word  uint64 // bits read ahead, at the upper end
	Held  uint
}

// Fill reads ahead to more than 56 bits.
func (r *BitReader) Fill() {
	if len(r.Bytes) >= 8 {
		// What is more than whole bytes is read again, to the same place.
		r.Word |= binary.BigEndian.Uint64(r.Bytes) >> r.Held
		n := (64 - r.Held) / 8
		r.Bytes, r.Held = r.Bytes[n:], r.Held+8*n
		return
	}
	for r.Held <= 56 {
		var next uint64
		if len(r.Bytes) > 0 {
			next, r.Bytes = uint64(r.Bytes[0]), r.Bytes[1:]
		}
		r.Word |= next << (56 - r.Held)
		r.Held += 8
	}
}

// Get reads n bits, at most 56.
func (r *BitReader) Get(n uint) uint64 {
	if r.Held < n {
		r.Fill()
	}
	v := r.Word >> 1 >> (63 - n) // n may be 0
	r.Word, r.Held = r.Word<<n, r.Held-n
	return v
}

// GetWide reads up to 64 bits.
func (r *BitReader) GetWide(n uint) uint64 {
	if n <= 32 {
		return r.Get(n)
	}
	high := r.Get(n - 32)
	return high<<32 | r.Get(32)
}

// Bit reads one bit.
func (r *BitReader) Bit() bool { return r.Get(1) != 0 }

// Ones reads up to most ones, at most 55, and the zero that ends them, if they are fewer.
func (r *BitReader) Ones(most int) int {
	if r.Held <= uint(most) {
		r.Fill()
	}
	n := min(bits.LeadingZeros64(^r.Word), most)
	read := uint(min(n+1, most))
	r.Word, r.Held = r.Word<<read, r.Held-read
	return n
}

// PutUnless appends n bits, or one if they are those expected.
func (w *BitWriter) PutUnless(expected bool, v uint64, n uint) {
	if expected {
		w.Put(0, 1)
		return
	}
	w.Put(1, 1)
	w.PutWide(v, n)
}

// PutSigned appends a number that is mostly 0 or small.
func (w *BitWriter) PutSigned(v int64) {
	u, class := Zigzag(v), 0
	for u>>signedWidth(class) != 0 {
		class++
	}
	if class < signedClasses-1 {
		w.Put(1<<(class+1)-2, uint(class)+1) // ones, and a zero that the last class lacks
	} else {
		w.Put(1<<class-1, uint(class))
	}
	w.PutWide(u, signedWidth(class))
}

// Signed reads what PutSigned wrote.
func (r *BitReader) Signed() int64 {
	return Unzigzag(r.GetWide(signedWidth(r.Ones(signedClasses - 1))))
}

func signedWidth(class int) uint { return [signedClasses]uint{0, 7, 14, 24, 36, 64}[class] }

// signedWidths are the sizes of a signed number: 0 alone, then so many bits.
const signedClasses = 6
