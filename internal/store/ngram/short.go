// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package ngram

import "math/bits"

// What the grams of a block cannot find: texts shorter than a gram, and numbers,
// of which every part of three digits soon occurs. Of a whole segment they can
// be stored exactly, at a fraction of a byte a row.
const (
	pairsAt  = 0                    // a bit for each two bytes
	singleAt = pairsAt + 1<<16      // for each byte
	foursAt  = singleAt + 1<<8      // for each four digits
	fivesAt  = foursAt + 10_000     // for each five digits
	shortEnd = fivesAt + 100_000    // a multiple of 64 is not needed
	allShort = (shortEnd + 63) / 64 // words

	// ShortRows is the least rows of a segment, eight blocks, that are worth the table. A store of
	// smaller ones is small, and can be looked through.
	ShortRows = 4096
)

// shortGrams gathers what short texts and numbers the rows of a segment hold.
type shortGrams struct {
	pairs   [1 << 16]uint8 // 1 for each two bytes: noted for each byte of a text, and so without a bit to find
	numbers [(shortEnd - foursAt + 63) / 64]uint64
}

// noteDigits notes the number of the last four digits, and if there are five, of
// the last five.
func (g *shortGrams) noteDigits(last uint64, five bool) {
	number := uint32(last>>24&0xf*1000 + last>>16&0xf*100 + last>>8&0xf*10 + last&0xf)
	g.numbers[number/64] |= 1 << (number % 64)
	if five {
		number += fivesAt - foursAt + uint32(last>>32&0xf*10_000)
		g.numbers[number/64] |= 1 << (number % 64)
	}
}

// eachShort calls f for each short gram of a folded text.
func eachShort(folded []byte, f func(bit uint32)) {
	var digits, number uint32 // of the number in hand, and its last five digits
	for i, c := range folded {
		f(singleAt + uint32(c))
		if i > 0 {
			f(pairsAt + uint32(folded[i-1])<<8 + uint32(c))
		}
		if c < '0' || c > '9' {
			digits = 0
			continue
		}
		digits++
		number = (number*10 + uint32(c-'0')) % 100_000
		if digits >= 4 {
			f(foursAt + number%10_000)
		}
		if digits >= 5 {
			f(fivesAt + number)
		}
	}
}

// Encode writes the table for packing, nothing where it is not worth it.
func (g *shortGrams) Encode(rows int) []byte {
	if rows < ShortRows {
		return nil
	}
	dst := make([]byte, allShort*8)
	note := func(bit uint32) { dst[bit/8] |= 1 << (bit % 8) }
	for pair, is := range g.pairs {
		if is != 0 {
			note(pairsAt + uint32(pair))
			note(singleAt + uint32(pair)>>8)
			note(singleAt + uint32(pair)&0xff)
		}
	}
	for i, w := range g.numbers {
		for ; w != 0; w &= w - 1 {
			note(foursAt + uint32(i*64+bits.TrailingZeros64(w)))
		}
	}
	return dst
}

// ShortsOf returns the short grams of a folded text that say more than its
// grams, nil where there are none.
func ShortsOf(folded string) []uint32 {
	var shorts []uint32
	eachShort([]byte(folded), func(bit uint32) {
		if bit >= foursAt || len(folded) == 1 || len(folded) == 2 && bit < singleAt {
			shorts = append(shorts, bit)
		}
	})
	return shorts
}
