// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package model

import (
	"regexp/syntax"
	"slices"
	"unicode/utf8"
)

// maxLiterals is how many texts are looked for at most; a selector with more
// alternatives is given by none.
const maxLiterals = 16

// Literals returns texts of which every value that the selector demands holds at
// least one, folded as FoldText does; none where nothing is known. They are of
// ASCII only, for those are what folding leaves in place whatever stands beside.
func (s *Selector) Literals() []string {
	var literals []string
	switch s.Op {
	case OpEqual, OpIn:
		literals = s.Values
	case OpMatches:
		parsed, err := syntax.Parse(s.Values[0], syntax.Perl|syntax.DotNL)
		if err != nil {
			return nil
		}
		literals = literalsOf(parsed)
	default: // may match without any text
	}
	if len(literals) > maxLiterals {
		return nil
	}
	folded := make([]string, len(literals))
	for i, text := range literals {
		folded[i] = FoldText(longestASCII(text))
	}
	return folded
}

// literalsOf returns texts of which every match holds one.
func literalsOf(r *syntax.Regexp) []string {
	switch r.Op {
	case syntax.OpLiteral:
		if r.Flags&syntax.FoldCase != 0 && slices.ContainsFunc(r.Rune, foldsBeyondASCII) {
			return nil
		}
		return []string{string(r.Rune)}
	case syntax.OpCapture, syntax.OpPlus:
		return literalsOf(r.Sub[0])
	case syntax.OpRepeat:
		if r.Min > 0 {
			return literalsOf(r.Sub[0])
		}
	case syntax.OpConcat:
		var best []string
		for _, sub := range r.Sub {
			if literals := literalsOf(sub); shortest(literals) > shortest(best) {
				best = literals
			}
		}
		return best
	case syntax.OpAlternate:
		var all []string
		for _, sub := range r.Sub {
			literals := literalsOf(sub)
			if len(literals) == 0 || len(all)+len(literals) > maxLiterals {
				return nil
			}
			all = append(all, literals...)
		}
		return all
	default: // may match without any text
	}
	return nil
}

// foldsBeyondASCII reports whether a rune has another case outside ASCII: that of
// k is also the Kelvin sign, that of s the long s.
func foldsBeyondASCII(r rune) bool {
	return r >= utf8.RuneSelf || r == 'k' || r == 'K' || r == 's' || r == 'S'
}

// shortest is the length of the shortest text, 0 without any.
func shortest(texts []string) int {
	if len(texts) == 0 {
		return 0
	}
	n := len(longestASCII(texts[0]))
	for _, text := range texts[1:] {
		n = min(n, len(longestASCII(text)))
	}
	return n
}

// longestASCII returns the longest part of a text that is ASCII.
func longestASCII(text string) (longest string) {
	from := 0
	for i := 0; i <= len(text); i++ {
		if i == len(text) || text[i] >= utf8.RuneSelf {
			if i-from > len(longest) {
				longest = text[from:i]
			}
			from = i + 1
		}
	}
	return longest
}
