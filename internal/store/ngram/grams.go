// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package ngram

import (
	"math/bits"
	"slices"
	"unicode/utf8"

	"github.com/tapio/tapio/internal/model"
)

const (
	gramLength = 3
	longGram   = 6
	gramBits   = 16 // log2 of the bits in which a block's grams are gathered
	gramWords  = 1 << gramBits / 64
	// gramSpace is the least bits for each gram, and so how often a filter errs: it
	// says of at most one gram in four that it is there when it is not.
	gramSpace = 4
)

// GramSet gathers the grams of a block: every gramLength bytes that follow each
// other in a folded text. A text that holds another holds its grams, so a block
// without one of them can be passed over.
//
// Ids and numbers soon hold every short gram of digits there is. So a quarter of
// the long grams that have a digit is gathered, too. Their content alone decides
// which ones, so that it is the same in whatever text they stand.
type GramSet struct {
	words  [gramWords]uint64
	folded []byte
	Shorts shortGrams // of the whole segment
}

// gramScan goes through a folded text.
type gramScan struct {
	last  uint64 // the latest bytes, the newest lowest
	bytes int
	digit int // bytes up to the latest digit
}

// Next takes a byte, and returns the hash of the long gram that ends with it if
// that is in the sample.
func (s *gramScan) Next(c byte) (hash uint32, sampled bool) {
	s.last = s.last<<8 | uint64(c)
	s.bytes++
	if '0' <= c && c <= '9' {
		s.digit = s.bytes
	}
	if s.digit == 0 || s.bytes < longGram || s.bytes-s.digit >= longGram {
		return 0, false
	}
	return longHash(s.last)
}

// longHash is the hash of the long gram in these bytes, and whether that is in
// the sample.
func longHash(last uint64) (hash uint32, sampled bool) {
	h := last << (64 - 8*longGram) * 0x9e3779b97f4a7c15
	return uint32(h >> 40 & (1<<gramBits - 1)), h>>62 == 0
}

// shortHash is the hash of the short gram in these bytes. A filter takes as many
// of its lower bits as it has.
func shortHash(last uint64) uint32 {
	return uint32(last&(1<<(8*gramLength)-1)) * 0x9e3779b1 >> (32 - gramBits)
}

// Add takes the grams of a text, and its short ones: what eachShort returns, but
// for the bytes by themselves, which are found in the pairs later. Ids are as
// good as random, so that the loop has no branch that depends on what a byte is,
// but those that mostly go one way.
func (g *GramSet) Add(text string) { g.AddAfter("", text) }

// AddAfter is add for a text that begins like another one of the block: what that
// has returned is not returned again.
func (g *GramSet) AddAfter(before, text string) {
	g.folded = appendFolded(g.folded[:0], text)
	known := sharedBytes(before, text)
	g.addFolded(g.folded[max(known-(longGram-1), 0):])
}

// sharedBytes is the length of the ASCII text that both begin with.
func sharedBytes(a, b string) (n int) {
	b = b[:min(len(a), len(b))]
	for n < len(b) && a[n] == b[n] && b[n] < utf8.RuneSelf {
		n++
	}
	return n
}

func (g *GramSet) addFolded(folded []byte) {
	words, pairs := &g.words, &g.Shorts.pairs
	var last, digits uint64 // the latest bytes; a bit for each that is a digit
	for i, c := range folded {
		last = last<<8 | uint64(c)
		digits = digits<<1 | isDigit(c)
		pairs[uint16(last)] = 1 // the first byte with a zero before it, too
		if i >= gramLength-1 {
			h := shortHash(last) % (1 << gramBits)
			words[h/64] |= 1 << (h % 64)
		}
		if digits&(1<<longGram-1) == 0 {
			continue
		}
		if i >= longGram-1 {
			h, sampled := longHash(last)
			h %= 1 << gramBits
			words[h/64] |= oneIf(sampled) << (h % 64)
		}
		if digits&0xf == 0xf {
			g.Shorts.noteDigits(last, digits&0x1f == 0x1f)
		}
	}
}

// isDigit is 1 for a digit, else 0.
func isDigit(c byte) uint64 { return (uint64(c-'0') - 10) >> 63 }

func oneIf(is bool) (one uint64) {
	if is {
		one = 1
	}
	return one
}

// appendFolded folds a text as model.FoldText does.
func appendFolded(dst []byte, text string) []byte {
	n := len(dst)
	dst = append(dst, text...)
	if !Lower(dst[n:]) {
		return append(dst[:n], model.FoldText(text)...)
	}
	return dst
}

// Take appends the filter of the block to dst, as small as its grams allow, and
// makes the set ready for the next block.
func (g *GramSet) Take(dst []uint64) (filters []uint64, words int) {
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

// GramsOf returns the hashes of a folded text's grams, each once.
func GramsOf(folded string) []uint32 {
	var hashes []uint32
	var scan gramScan
	for i := range len(folded) {
		if h, sampled := scan.Next(folded[i]); sampled {
			hashes = append(hashes, h)
		}
		if i >= gramLength-1 {
			hashes = append(hashes, shortHash(scan.last))
		}
	}
	slices.Sort(hashes)
	return slices.Compact(hashes)
}

// MayHold reports whether a block's filter knows all these grams.
func MayHold(filter []uint64, grams []uint32) bool {
	mask := uint32(len(filter)*64 - 1)
	for _, h := range grams {
		h &= mask
		if filter[h/64]>>(h%64)&1 == 0 {
			return false
		}
	}
	return true
}
