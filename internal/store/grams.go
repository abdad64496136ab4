// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"math/bits"
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	gramLength = 3
	gramBits   = 16 // log2 of the bits in which a block's grams are gathered
	gramWords  = 1 << gramBits / 64
	// gramSpace is the bits for each gram, and so how often a filter errs: it
	// says of one gram in four that it is there when it is not.
	gramSpace = 4
)

// gramSet gathers the grams of a block: every gramLength bytes that follow each
// other in a folded text. A text that holds another holds its grams, so a block
// without one of them can be passed over.
type gramSet struct {
	words  [gramWords]uint64
	folded []byte
}

// gramHash spreads three bytes over 32 bits; a filter takes as many of the
// lower ones as it has.
func gramHash(a, b, c byte) uint32 {
	h := (uint32(a) | uint32(b)<<8 | uint32(c)<<16) * 0x9e3779b1
	return h >> (32 - gramBits)
}

// add takes the grams of a text.
func (g *gramSet) add(text string) {
	if len(text) < gramLength {
		return
	}
	g.folded = appendFolded(g.folded[:0], text)
	if len(g.folded) < gramLength {
		return
	}
	a, b := g.folded[0], g.folded[1]
	for _, c := range g.folded[2:] {
		h := gramHash(a, b, c)
		g.words[h/64] |= 1 << (h % 64)
		a, b = b, c
	}
}

// appendFolded folds a text as tapio.FoldText does.
func appendFolded(dst []byte, text string) []byte {
	for i := range len(text) {
		c := text[i]
		if c >= utf8.RuneSelf {
			return append(dst[:len(dst)-i], strings.ToLower(text)...)
		}
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		dst = append(dst, c)
	}
	return dst
}

// take appends the filter of the block to dst, as small as its grams allow, and
// makes the set ready for the next block.
func (g *gramSet) take(dst []uint64) (filters []uint64, words int) {
	set := 0
	for _, w := range g.words {
		set += bits.OnesCount64(w)
	}
	words = gramWords
	for words > 1 && words/2*64 >= set*gramSpace {
		words /= 2
		for i := range words {
			g.words[i] |= g.words[words+i]
		}
	}
	dst = append(dst, g.words[:words]...)
	g.words = [gramWords]uint64{}
	return dst, words
}

// gramsOf returns the hashes of a folded text's grams, each once.
func gramsOf(folded string) []uint32 {
	var hashes []uint32
	for i := gramLength; i <= len(folded); i++ {
		hashes = append(hashes, gramHash(folded[i-3], folded[i-2], folded[i-1]))
	}
	slices.Sort(hashes)
	return slices.Compact(hashes)
}

// mayHold reports whether a block's filter knows all these grams.
func mayHold(filter []uint64, grams []uint32) bool {
	mask := uint32(len(filter)*64 - 1)
	for _, h := range grams {
		h &= mask
		if filter[h/64]>>(h%64)&1 == 0 {
			return false
		}
	}
	return true
}
