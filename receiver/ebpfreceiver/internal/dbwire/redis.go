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
	blind    bool      // the end of what is answered was not copied
	early    []answer
	// muted and mutedNext report CLIENT REPLY OFF and SKIP: no answers come.
	muted, mutedNext bool
	// asks and replies are, by direction, what was seen of a connection that is older
	// than the first piece.
	asks, replies [2]bool
}

// answer is one whose question the kernel reports later.
type answer struct {
	at   time.Time
	code string
}

const maxEarly = 64 // of one connection

type respStream struct {
	resp
	of       *redis
	request  bool
	at       time.Time
	before   time.Time // of the piece before
	answers  spot      // the place of the answers at the piece
	formerly spot      // and at the one before
	first    uint32    // place of the piece
	count    int64     // elements of a question
	kind     byte      // of an answer
	code     string    // of an error
	asking   *Call     // the question that is passing
	reply    bool      // it is CLIENT REPLY
	broken   bool
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
	how := r.arrive(p)
	switch {
	case !r.known && !r.meet(p):
	case how == outdated:
	case p.Sent == r.server:
		r.takeAnswer(p, how)
	default:
		r.takeQuestion(p, how)
	}
	return r.done
}

func (r *redis) takeQuestion(p *Piece, how arrival) {
	s := &r.asked
	r.turns.Question(p.Time)
	if how == afterGap {
		r.loseQuestions(Gap)
		s.broken = true
		if len(r.early) > 0 {
			r.fail(Unmatched, len(r.early))
			r.early, r.exact = nil, false
		}
	}
	r.catchUp(p)
	if (s.broken || !r.exact) && !r.resume(p) {
		return
	}
	if r.balanced() {
		r.turns.Balance()
	}
	s.place, s.first = p.Seq, p.Seq
	s.before, s.at = s.at, p.Time
	s.formerly, s.answers = s.answers, spotOf(p)
	if !s.feed(p.Data, int64(p.Length), s) {
		if c := s.asking; c != nil {
			s.asking = nil
			r.ask(c) // the rest of it is of no interest, but where it ends
		}
		s.broken = true
		r.loseQuestions(whyOf(p))
	}
}

// whyOf distinguishes bytes that were not copied from those that are no message.
func whyOf(p *Piece) Reason {
	if len(p.Data) < p.Length {
		return Gap
	}
	return Malformed
}

// resume begins again at a piece that begins with a command.
func (r *redis) resume(p *Piece) bool {
	if !mayBeginCommand(p.Data) {
		r.asked.broken = true
		r.turns.Lose()
		return false
	}
	if !r.restart(p) {
		r.fail(Unpaired, 1)
		r.asked.broken = true
		r.turns.Lose()
		return false
	}
	r.asked.reset()
	r.answered.reset()
	r.asked.broken, r.asked.asking = false, nil
	r.answered.broken, r.blind, r.early = false, false, nil
	r.muted, r.mutedNext = false, false // answers came
	return true
}

// catchUp ends the one call whose answer was not copied to its end: a client that
// waits for its answers has it when it sends the next request.
func (r *redis) catchUp(p *Piece) {
	if !r.blind {
		return
	}
	r.blind = false
	if r.turns.MayResume() && p.Time.After(r.lastSeen) && len(r.pending) == 1 && !r.unseen {
		r.answered.broken = false
		r.answered.reset()
		r.complete(r.lastSeen, r.answered.code)
		return
	}
	r.loseAnswers(Gap, false)
}

func (r *redis) takeAnswer(p *Piece, how arrival) {
	s := &r.answered
	r.answers(p)
	r.lastSeen, s.at = p.Time, p.Time
	switch {
	case !r.exact || r.blind && how == inOrder:
		return
	case how == afterGap:
		r.loseAnswers(Gap, true)
		return
	case s.feed(p.Data, int64(p.Length), s):
		return
	}
	s.broken = true
	if why := whyOf(p); why == Gap && s.within() && s.kind != '>' && len(r.pending) == 1 && !r.unseen {
		r.blind = true
	} else {
		r.loseAnswers(why, false)
	}
}

// Lose implements Conn.
func (r *redis) Lose() {
	r.loseQuestions(Gap)
	r.asked.broken = true
	if len(r.pending) > 0 || r.blind {
		r.loseAnswers(Gap, true)
	}
}

// Close implements Conn.
func (r *redis) Close(end *End) []*Call { return r.closing(end, r.blind) }

func (s *respStream) value(kind byte, line []byte) {
	s.kind, s.code, s.asking = kind, "", nil
	if s.request {
		s.count, _ = strconv.ParseInt(string(line), 10, 32)
		return
	}
	if kind == '-' {
		word, _, _ := bytes.Cut(line, []byte{' '})
		s.code = string(word[:min(len(word), maxArgument)])
	}
}

// argument is the name of the command, or one of the two words behind it.
func (s *respStream) argument(text []byte, index int) {
	if !s.request {
		return
	}
	if index > 0 {
		s.more(strings.ToUpper(string(text)), index)
		return
	}
	operation := strings.ToUpper(string(text))
	if !isCommand(operation) {
		s.of.fail(Malformed, 1)
		operation = "_OTHER"
	}
	c := &Call{Operation: operation, Seq: s.began, Start: s.at, answers: s.answers}
	if int32(s.began-s.first) < 0 {
		c.Start, c.answers = s.before, s.formerly
	}
	if s.of.withText {
		c.Text = operation + strings.Repeat(" ?", int(max(0, min(s.count-1, 16))))
	}
	s.asking = c
}

// more reads CLIENT REPLY OFF, SKIP and ON.
func (s *respStream) more(word string, index int) {
	c := s.asking
	switch {
	case c == nil || c.Operation != "CLIENT":
	case index == 1:
		s.reply = word == "REPLY"
	case s.reply:
		s.of.mute(c, word)
	}
}

func (r *redis) mute(c *Call, word string) {
	switch word {
	case "ON":
		r.muted = false
	case "OFF":
		r.muted, c.silent = true, true
	case "SKIP":
		r.mutedNext, c.silent = true, true
	}
}

func (s *respStream) end() {
	r := s.of
	if !s.request {
		if s.kind != '>' { // what the server says unasked
			r.answer(s.at, s.code)
		}
		return
	}
	c := s.asking
	if c == nil {
		return
	}
	s.asking = nil
	r.opaque = r.opaque || isStream(c.Operation)
	skipped := r.mutedNext && !c.silent
	if skipped {
		r.mutedNext = false
	}
	if c.silent || skipped || r.muted {
		return // no answer comes
	}
	r.ask(c)
}

// ask takes in a question, whose answer may have been reported before it.
func (r *redis) ask(c *Call) {
	if len(r.early) == 0 {
		r.begin(c)
		return
	}
	first := r.early[0]
	if c.Start.After(first.at) {
		r.early = nil
		r.loseAnswers(Unmatched, false)
		return
	}
	r.early = r.early[1:]
	r.turns.Ask(0)
	if !r.turns.Certain() {
		r.fail(Unpaired, 1)
		return
	}
	c.End, c.Code = first.at, first.code
	r.begun, r.done = append(r.begun, c), append(r.done, c)
}

func (r *redis) answer(at time.Time, code string) {
	switch {
	case len(r.pending) > 0:
		r.complete(at, code)
	case r.unseen || len(r.early) >= maxEarly:
		r.early = nil
		r.loseAnswers(Unmatched, false)
	default:
		r.early = append(r.early, answer{at, code})
	}
}
