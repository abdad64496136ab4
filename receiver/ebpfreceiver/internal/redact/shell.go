// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import "strings"

// within looks for a command in a word: that of sh -c '...', of ssh host '...', in a
// list in JSON or in the quotes of a script.
func (l *line) within(w *word, depth int) {
	if depth >= maxDepth {
		return
	}
	if w.at != nil { // a word of a command: what it has in quotes
		for _, part := range w.quoted {
			if strings.ContainsAny(l.args[w.arg][part.from:part.to], " \t\n") {
				l.command(split(l.args[w.arg], w.arg, part), depth+1)
			}
		}
		return
	}
	if strings.ContainsAny(w.text, " \t\n") || strings.HasPrefix(w.text, "[") || strings.HasPrefix(w.text, "{") {
		l.command(split(w.text, w.arg, span{0, len(w.text)}), depth+1)
	}
}

// splitter reads the words of a command roughly as a shell does. It takes an escaped
// quote for a quote, for it is one of a command within.
type splitter struct {
	text  string
	arg   int
	json  bool
	words []word
	now   word
	chars []byte // of now
	open  bool
}

func split(text string, arg int, part span) []word {
	s := &splitter{text: text, arg: arg}
	inner := strings.TrimLeft(text[part.from:part.to], " \t\r\n")
	s.json = strings.HasPrefix(inner, "[") || strings.HasPrefix(inner, "{")
	for at := part.from; at < part.to; {
		at = s.step(at, part.to)
	}
	s.flush(part.to)
	return s.words
}

func (s *splitter) step(at, end int) int {
	c := s.text[at]
	if quote := quoteAt(s.text[at:end]); quote != "" && quote[len(quote)-1] != '`' {
		return s.quoted(at, end, quote)
	}
	switch {
	case strings.IndexByte(" \t\r", c) >= 0, s.json && strings.IndexByte("[]{},:", c) >= 0:
		s.flush(at)
		return at + 1
	case strings.IndexByte(";|&\n()`", c) >= 0 && !s.inAddress(at):
		return s.separator(at, end)
	case c == '\\' && at+1 < end:
		at++
		c = s.text[at]
	}
	s.add(at, c)
	return at + 1
}

// inAddress: an ampersand between two letters is rather that of a URL.
func (s *splitter) inAddress(at int) bool {
	return s.text[at] == '&' && s.open && at+1 < len(s.text) && (letter(s.text[at+1]) || digit(s.text[at+1]))
}

// quoted adds what is in quotes; without an end the quote is a character.
func (s *splitter) quoted(at, end int, quote string) int {
	from := at + len(quote)
	length := closing(s.text[from:end], quote)
	if length < 0 {
		s.begin(at)
		return from
	}
	s.begin(at)
	for i := from; i < from+length; i++ {
		s.add(i, s.text[i])
	}
	s.now.quoted = append(s.now.quoted, span{from, from + length})
	return from + length + len(quote)
}

func (s *splitter) separator(at, end int) int {
	s.flush(at)
	to := at + 1
	for to < end && s.text[to] == s.text[at] {
		to++
	}
	s.words = append(s.words, word{text: s.text[at:to], arg: s.arg, from: at, to: to, at: []int{}, separates: true})
	return to
}

func (s *splitter) begin(at int) {
	if !s.open {
		s.now, s.chars = word{arg: s.arg, from: at, at: []int{}}, nil
		s.open = true
	}
}

func (s *splitter) add(at int, c byte) {
	s.begin(at)
	s.now.at = append(s.now.at, at)
	s.chars = append(s.chars, c)
}

func (s *splitter) flush(at int) {
	if s.open {
		s.now.to, s.now.text = at, string(s.chars)
		s.words = append(s.words, s.now)
	}
	s.open = false
}
