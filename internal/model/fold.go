// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package model

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// FoldText prepares a text for Filter.Text: texts that differ in case alone become
// the same, by Unicode's simple case folding. So the two small sigmas of Greek are
// one letter, as are k and the sign of Kelvin. ASCII becomes lower case.
func FoldText(s string) string {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return strings.Map(foldRune, s)
		}
	}
	return strings.ToLower(s)
}

// foldRune returns the lower case of the least of the runes that differ in case
// alone.
func foldRune(r rune) rune {
	least := r
	for next := unicode.SimpleFold(r); next != r; next = unicode.SimpleFold(next) {
		least = min(least, next)
	}
	return unicode.ToLower(least)
}
