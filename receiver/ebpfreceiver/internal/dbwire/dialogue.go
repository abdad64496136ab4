// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package dbwire

import (
	"time"

	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/http1"
)

// dialogue is what the connections of all protocols keep. An answer is paired with
// a call only where nothing that was lost can have come between, see http1.Turns.
type dialogue struct {
	server, known bool
	opaque        bool
	encrypts      bool
	turns         http1.Turns
	// exact reports that pending are all calls without an answer, the eldest first,
	// save those behind them that unseen reports.
	exact, unseen bool
	pending       []*Call
	begun, done   []*Call
	failed        map[Reason]uint64
	next          [2]uint32 // place of the next byte, by direction
	met           [2]bool
	contiguous    bool // no byte passed unseen since the piece before
	active        time.Time
	answeredAt    time.Time
}

// arrival is how a piece follows on the ones before.
type arrival uint8

const (
	inOrder arrival = iota
	afterGap
	outdated // of bytes that were accounted for already
)

func (d *dialogue) Server() bool      { return d.server }
func (d *dialogue) Opaque() bool      { return d.opaque }
func (d *dialogue) Encrypts() bool    { return d.encrypts }
func (d *dialogue) Begun() []*Call    { return d.begun }
func (d *dialogue) Pending() []*Call  { return d.pending }
func (d *dialogue) Next() [2]uint32   { return d.next }
func (d *dialogue) Active() time.Time { return d.active }

func (d *dialogue) Failed() map[Reason]uint64 {
	failed := d.failed
	d.failed = nil
	return failed
}

func (d *dialogue) fail(r Reason, n int) {
	if n == 0 {
		return
	}
	if d.failed == nil {
		d.failed = map[Reason]uint64{}
	}
	d.failed[r] += uint64(n)
}

// arrive compares the place of the piece with the one expected.
func (d *dialogue) arrive(p *Piece) arrival {
	d.begun, d.done = d.begun[:0], d.done[:0]
	d.active = p.Time
	at, other := indexOf(p.Sent), indexOf(!p.Sent)
	if p.OtherKnown && !d.met[other] {
		d.met[other], d.next[other] = true, p.Other
	}
	end := p.Seq + uint32(p.Length)
	d.contiguous = d.met[at] && d.next[at] == p.Seq && p.OtherKnown && d.next[other] == p.Other
	if d.met[at] && int32(end-d.next[at]) <= 0 {
		return outdated
	}
	follows := !d.met[at] || d.next[at] == p.Seq
	d.met[at], d.next[at] = true, end
	if follows {
		return inOrder
	}
	return afterGap
}

// spot is a place in a stream, if it is known.
type spot struct {
	at    uint32
	known bool
}

func spotOf(p *Piece) spot { return spot{p.Other, p.OtherKnown} }

// answers notes bytes of an answer.
func (d *dialogue) answers(p *Piece) {
	d.turns.Answer(p.Time, d.contiguous)
	d.answeredAt = p.Time
}

// restart makes the call that begins now the first one of which the answer is
// certain or on trial, if that may be.
func (d *dialogue) restart(p *Piece) bool {
	other := indexOf(!p.Sent)
	seen := p.OtherKnown && d.met[other] && d.next[other] == p.Other
	if len(d.pending) > 0 || !p.Time.After(d.answeredAt) || !d.turns.Resume(!seen) {
		return false
	}
	d.exact, d.unseen = true, false
	if p.OtherKnown {
		d.next[indexOf(!p.Sent)] = p.Other
	}
	return true
}

// loseQuestions gives up the calls that come; those before stay certain.
func (d *dialogue) loseQuestions(why Reason) {
	d.fail(why, 1)
	d.unseen = true
	d.turns.Lose()
}

// loseAnswers gives up the calls that wait. With missing, bytes were not seen,
// which may have held any number of answers.
func (d *dialogue) loseAnswers(why Reason, missing bool) {
	if !missing && len(d.pending) > 1 && (why == Crowded || d.overlaps(d.pending[1], d.answeredAt)) {
		d.turns.Overlap(false)
	}
	d.fail(why, max(1, len(d.pending)))
	for _, c := range d.pending {
		c.Lost = true
	}
	d.pending, d.exact = nil, false
}

// overlaps reports whether the call began before the last byte of the answer that
// ended then. Bytes that were sent before it began were in the socket by then, whichever
// thread the kernel reported first.
func (d *dialogue) overlaps(c *Call, at time.Time) bool {
	if c.answers.known {
		return int32(c.answers.at-d.next[indexOf(d.server)]) < 0
	}
	return c.Start.Before(at)
}

// begin takes in a call, and reports whether it waits for its answer.
func (d *dialogue) begin(c *Call) bool {
	if !d.exact {
		d.fail(Unpaired, 1)
		d.turns.Ask(1)
		return false
	}
	c.overtakes = d.turns.Ask(len(d.pending))
	d.pending = append(d.pending, c)
	if len(d.pending) > maxPending {
		d.loseAnswers(Crowded, false)
		return false
	}
	if c.Lost = !d.turns.Certain(); c.Lost {
		d.fail(Unpaired, 1)
	} else {
		d.begun = append(d.begun, c)
	}
	return true
}

// complete ends the eldest call.
func (d *dialogue) complete(at time.Time, code string) {
	if len(d.pending) == 0 {
		return
	}
	c := d.pending[0]
	d.pending = append(d.pending[:0], d.pending[1:]...)
	c.End, c.Code = at, code
	if !c.Lost {
		d.done = append(d.done, c)
	}
	if len(d.pending) > 0 && d.overlaps(d.pending[0], at) {
		d.turns.Overlap(d.pending[0].overtakes)
	}
}

// closing returns the calls that the end of the connection cuts. A loss is no cut.
func (d *dialogue) closing(end *End, uncertain bool) []*Call {
	d.done = d.done[:0]
	missed := d.known && end.Missed(d.server, d.next[indexOf(d.server)])
	if end.Refused && d.server && len(d.pending) == 1 {
		missed = false // the client was gone before its answer
	}
	// With answers in its socket that it did not read, the client did not want them,
	// or reads them later.
	ignored := !d.server && end.Unread
	if len(d.pending) > 0 && (missed || uncertain || ignored) {
		d.loseAnswers(Gap, true)
	}
	at := end.Time
	if !d.server && !end.PeerTime.IsZero() && end.PeerTime.Before(at) {
		at = end.PeerTime
	}
	for _, c := range d.pending {
		if c.Lost {
			continue // on trial, and counted
		}
		c.End, c.Cut = at, true
		if at.Before(c.Start) {
			c.End = c.Start
		}
		d.done = append(d.done, c)
	}
	d.pending = nil
	return d.done
}

func indexOf(sent bool) int {
	if sent {
		return 1
	}
	return 0
}
