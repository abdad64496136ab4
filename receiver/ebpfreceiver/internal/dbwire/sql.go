// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package dbwire

import "strings"

// operationOf is the first word of a statement, in capitals.
func operationOf(text string) string {
	text = strings.TrimLeft(skipComments(text), " \t\r\n(")
	end := 0
	for end < len(text) && end < 32 && isLetter(text[end]) {
		end++
	}
	if end == 0 {
		return "_OTHER"
	}
	return strings.ToUpper(text[:end])
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }
func isDigit(c byte) bool  { return c >= '0' && c <= '9' }
func isWord(c byte) bool   { return isLetter(c) || isDigit(c) || c == '_' || c >= 0x80 }

func skipComments(text string) string {
	for {
		text = strings.TrimLeft(text, " \t\r\n")
		n := comment(text)
		if n == 0 {
			return text
		}
		text = text[n:]
	}
}

// comment is how long the comment is that the text begins with.
func comment(text string) int {
	switch {
	case strings.HasPrefix(text, "--"):
		return through(text, "\n")
	case strings.HasPrefix(text, "/*"):
		return through(text, "*/")
	}
	return 0
}

// through is how much of the text there is up to the end of the mark.
func through(text, mark string) int {
	if end := strings.Index(text, mark); end >= 0 {
		return end + len(mark)
	}
	return len(text)
}

// withoutValues writes ? for each text and number of a statement, and leaves out
// comments. Of what is cut in the middle of a text nothing is left of the text.
func withoutValues(text string) string {
	var to strings.Builder
	for i := 0; i < len(text) && to.Len() < maxText; {
		n, keep := token(text[i:])
		switch {
		case keep:
			to.WriteString(text[i : i+n])
		default:
			to.WriteByte('?')
		}
		i += n
	}
	return strings.TrimSpace(to.String())
}

// token returns how long the next piece of a statement is, and whether it may be
// reported as it is.
func token(text string) (n int, keep bool) {
	c := text[0]
	switch {
	case comment(text) > 0:
		return comment(text), false
	case c == '\'':
		return quoted(text, false), false
	case (c == 'E' || c == 'e') && len(text) > 1 && text[1] == '\'':
		return 1 + quoted(text[1:], true), false
	case c == '"':
		return quoted(text, false), true
	case c == '$':
		return dollar(text)
	case isDigit(c), c == '.' && len(text) > 1 && isDigit(text[1]):
		return number(text), false
	case isWord(c):
		for n = 1; n < len(text) && (isWord(text[n]) || text[n] == '$'); n++ {
		}
		return n, true
	}
	return 1, true
}

// quoted is how long a text in quotes is; a doubled quote is one of it.
func quoted(text string, escapes bool) int {
	for i := 1; i < len(text); i++ {
		switch {
		case escapes && text[i] == '\\':
			i++
		case text[i] != text[0]:
		case i+1 < len(text) && text[i+1] == text[0]:
			i++
		default:
			return i + 1
		}
	}
	return len(text)
}

// dollar reads $1, which is no value, or $tag$ a text $tag$.
func dollar(text string) (n int, keep bool) {
	n = 1
	for n < len(text) && isWord(text[n]) {
		n++
	}
	if n > 1 && isDigit(text[1]) || n == len(text) || text[n] != '$' {
		return n, true
	}
	tag := text[:n+1]
	end := strings.Index(text[n+1:], tag)
	if end < 0 {
		return len(text), false
	}
	return n + 1 + end + len(tag), false
}

func number(text string) int {
	n := 1
	for n < len(text) && (isWord(text[n]) || text[n] == '.' || (text[n] == '+' || text[n] == '-') && text[n-1]|0x20 == 'e') {
		n++
	}
	return n
}
