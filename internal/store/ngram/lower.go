// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package ngram

import (
	"encoding/binary"
)

// Lower turns the upper case letters of ASCII to lower case, eight at a time, and
// reports whether there was nothing but ASCII.
func Lower(text []byte) (ascii bool) {
	var all uint64 // the bits that any byte has
	for len(text) >= 8 {
		x := binary.LittleEndian.Uint64(text)
		low := x &^ highBits
		// The high bit of each byte is set from A on, and behind Z.
		upper := (low + eachByte*(0x80-'A')) ^ (low + eachByte*(0x7f-'Z'))
		binary.LittleEndian.PutUint64(text, x|(upper&^x&highBits)>>2)
		all |= x
		text = text[8:]
	}
	for i, c := range text {
		all |= uint64(c)
		if 'A' <= c && c <= 'Z' {
			text[i] = c + 'a' - 'A'
		}
	}
	return all&highBits == 0
}

const (
	eachByte = 0x0101010101010101
	highBits = 0x80 * eachByte
)
