// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package dbwire

import (
	"bytes"
	"strconv"
	"strings"
	"time"
)

// redis reads Redis' protocol, versions 2 and 3.
type redis struct {
	dialogue
	withText bool
	asked    respStream
	answered respStream
	lastSeen time.Time // of the answers
	blind    bool      // of what is answered the ends are not seen
}

type respStream struct {
	resp
	of      *redis
	request bool
	at      time.Time
	before  time.Time // of the piece before
	first   uint32    // place of the piece
	count   int64     // elements of a question
	kind    byte      // of an answer
	code    string    // of an error
	broken  bool
}

// NewRedis follows a connection to Redis.
func NewRedis(withText bool) Conn {
	r := &redis{withText: withText}
	r.asked = respStream{of: r, request: true}
	r.answered = respStream{of: r}
	return r
}

// Take implements Conn.
func (r *redis) Take(p *Piece) []*Call {
	inOrder := r.arrive(p)
	if !r.known {
		r.known, r.server = true, !p.Sent
	}
	if p.Sent == r.server {
		r.takeAnswer(p, inOrder)
	} else {
		r.takeQuestion(p, inOrder)
	}
	return r.done
}

func (r *redis) takeQuestion(p *Piece, inOrder bool) {
	s := &r.asked
	if !inOrder || s.broken {
		if !mayBeginCommand(p.Data) {
			s.broken = true
			return
		}
		s.reset()
		s.broken = false
	}
	r.catchUp()
	s.place, s.first = p.Seq, p.Seq
	s.before, s.at = s.at, p.Time
	if !s.feed(p.Data, int64(p.Length), s) {
		s.broken = true
	}
}

// catchUp ends what was answered while the ends of answers were not seen: who
// asks one thing at a time has got the answer when it asks again.
func (r *redis) catchUp() {
	if !r.blind {
		return
	}
	r.blind, r.answered.broken = false, false
	r.answered.reset()
	if len(r.pending) == 1 && !r.lastSeen.IsZero() {
		r.complete(r.lastSeen, "")
		return
	}
	r.fail(Gap, len(r.pending))
	r.pending = nil
}

func (r *redis) takeAnswer(p *Piece, inOrder bool) {
	s := &r.answered
	r.lastSeen, s.at = p.Time, p.Time
	if !inOrder && !s.broken {
		s.broken = true
	}
	if !s.broken && !s.feed(p.Data, int64(p.Length), s) {
		s.broken = true
	}
	r.blind = s.broken
}

func mayBeginCommand(b []byte) bool {
	return len(b) > 3 && b[0] == '*' && b[1] >= '1' && b[1] <= '9' && bytes.Contains(b[:min(len(b), 16)], []byte("\r\n$"))
}

func (s *respStream) value(kind byte, line []byte) {
	s.kind, s.code = kind, ""
	if s.request {
		s.count, _ = strconv.ParseInt(string(line), 10, 32)
		return
	}
	if kind == '-' {
		word, _, _ := bytes.Cut(line, []byte{' '})
		s.code = string(word[:min(len(word), maxArgument)])
	}
}

func (s *respStream) argument(text []byte) {
	if !s.request {
		return
	}
	operation := strings.ToUpper(string(text))
	if !isCommand(operation) {
		s.of.fail(Malformed, 1)
		operation = "_OTHER"
	}
	c := &Call{Operation: operation, Seq: s.began, Start: s.at}
	if int32(s.began-s.first) < 0 {
		c.Start = s.before
	}
	if s.of.withText {
		c.Text = operation + strings.Repeat(" ?", int(max(0, min(s.count-1, 16))))
	}
	s.of.begin(c)
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

func (s *respStream) end() {
	r := s.of
	if !s.request {
		if s.kind != '>' { // what the server says unasked
			r.complete(s.at, s.code)
		}
		return
	}
	if n := len(r.pending); n > 0 && isStream(r.pending[n-1].Operation) {
		r.opaque = true
	}
}

// isStream tells of commands behind which answers come without questions.
func isStream(operation string) bool {
	switch operation {
	case "SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE", "MONITOR", "SYNC", "PSYNC":
		return true
	}
	return false
}
