// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package dbwire

import (
	"bytes"
	"strconv"
	"unicode"
)

// meet finds which end it is, and reports whether the piece is to be followed. An
// array may be a command as well as an answer, save where the connection begins.
func (r *redis) meet(p *Piece) bool {
	switch refused := isRefusal(p.Data); {
	case p.First && refused:
		r.known, r.server = true, p.Sent
		r.asked.broken = true
		r.refuse(p)
		return false
	case p.First:
		asked := !p.AskedKnown && p.Sent || p.AskedKnown && p.Asked
		r.known, r.server, r.exact = true, !asked, true
	default:
		at := indexOf(p.Sent)
		r.asks[at] = r.asks[at] || isCommandLine(p.Data)
		r.replies[at] = r.replies[at] || mustBeAnswer(p.Data)
		if other := 1 - at; !r.asks[at] && r.replies[at] && r.asks[other] || r.asks[at] && !r.asks[other] && r.replies[other] {
			r.known, r.server = true, p.Sent != r.asks[at]
		}
		r.asked.broken = true
	}
	return r.known
}

// isCommandLine reports whether it begins with an array of which the first text is
// a word.
func isCommandLine(b []byte) bool {
	if !mayBeginCommand(b) {
		return false
	}
	_, rest, _ := bytes.Cut(b, []byte("\r\n"))
	_, rest, _ = bytes.Cut(rest, []byte("\r\n"))
	word, _, whole := bytes.Cut(rest, []byte("\r\n"))
	return whole && len(word) > 1 && len(word) <= 20 && bytes.IndexFunc(word, func(c rune) bool { return !unicode.IsLetter(c) }) < 0
}

// mustBeAnswer reports whether it begins as answers do and commands do not.
func mustBeAnswer(b []byte) bool {
	end := bytes.Index(b, []byte("\r\n"))
	if end < 2 || end > maxArgument {
		return false
	}
	switch b[0] {
	case '+', '-':
		return true
	case ':', '$':
		_, err := strconv.ParseInt(string(b[1:end]), 10, 64)
		return err == nil
	}
	return false
}

// isRefusal knows what a server sends to a client that it does not let in.
func isRefusal(b []byte) bool {
	return bytes.HasPrefix(b, []byte("-ERR max number of clients")) || bytes.HasPrefix(b, []byte("-DENIED "))
}

// refuse reports a connection that the server refused before it was asked anything.
func (r *redis) refuse(p *Piece) {
	word, _, _ := bytes.Cut(p.Data[1:], []byte{' '})
	c := &Call{Operation: Connect, Code: string(word), Seq: p.Other, Start: p.Time, End: p.Time}
	r.begun, r.done = append(r.begun, c), append(r.done, c)
	r.exact, r.asked.broken = false, true
}

func mayBeginCommand(b []byte) bool {
	return len(b) > 3 && b[0] == '*' && b[1] >= '1' && b[1] <= '9' && bytes.Contains(b[:min(len(b), 16)], []byte("\r\n$"))
}

// isCommand keeps what is no command out of names that are counted by.
func isCommand(s string) bool {
	for _, c := range []byte(s) {
		if (c < 'A' || c > 'Z') && c != '.' && c != '_' && c != '-' && (c < '0' || c > '9') {
			return false
		}
	}
	return s != "" && len(s) <= 32
}

// isStream reports commands behind which answers come without questions.
func isStream(operation string) bool {
	switch operation {
	case "SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE", "MONITOR", "SYNC", "PSYNC":
		return true
	}
	return false
}

// balanced reports whether every question that was seen has its answer.
func (r *redis) balanced() bool {
	return len(r.pending) == 0 && len(r.early) == 0 && r.asked.between()
}
