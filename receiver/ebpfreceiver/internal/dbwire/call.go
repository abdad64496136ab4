// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package dbwire reads the protocols of databases that it was not party to:
// pieces of the two streams of a connection, cut and incomplete, become calls.
package dbwire

import (
	"time"

	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/http1"
)

// Piece is what one call sent or received.
type Piece = http1.Piece

// Reason is why bytes of a connection made no call.
type Reason string

// The reasons.
const (
	// Gap: bytes were not seen, and with them the end of a call.
	Gap Reason = "gap"
	// Malformed: a message was expected, and there was none.
	Malformed Reason = "malformed"
	// Crowded: more calls without an answer than are kept.
	Crowded Reason = "pipeline_too_deep"
)

// maxPending bounds the calls of one connection that wait for an answer.
const maxPending = 1024

// Call is a question to a database with its answer.
type Call struct {
	// Operation is the command, in capitals.
	Operation string
	// Text is the question with ? for each value, if it was asked for.
	Text string
	// Namespace is the database, where the connection told.
	Namespace string
	// Code is what the database says of an error, empty of none.
	Code string
	// Seq is the place of the question in its stream; both ends see the same.
	Seq        uint32
	Start, End time.Time
	// Cut tells that the connection ended before the answer did.
	Cut bool
	// Mark is for whoever takes the call, from Begun on.
	Mark [4]uint64
}

// Conn follows one connection, as one of its ends sees it.
type Conn interface {
	// Take follows one piece and returns what it completes, valid until the next.
	Take(p *Piece) []*Call
	// Begun returns the calls that the last piece began.
	Begun() []*Call
	// Close returns the calls that the end of the connection cuts.
	Close(at time.Time) []*Call
	// Server tells whose end it is.
	Server() bool
	// Opaque reports that it speaks something else from here on.
	Opaque() bool
	// Encrypts reports that what it speaks is TLS.
	Encrypts() bool
	// Failed hands over what could not be read since it was last asked.
	Failed() map[Reason]uint64
}

// dialogue is what the connections of all protocols keep.
type dialogue struct {
	server, known bool
	opaque        bool
	encrypts      bool
	pending       []*Call
	begun, done   []*Call
	failed        map[Reason]uint64
	next          [2]uint32 // place of the next byte, by direction
	met           [2]bool
}

func (d *dialogue) Server() bool   { return d.server }
func (d *dialogue) Opaque() bool   { return d.opaque }
func (d *dialogue) Encrypts() bool { return d.encrypts }
func (d *dialogue) Begun() []*Call { return d.begun }

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

// arrive reports whether the piece follows on the one before.
func (d *dialogue) arrive(p *Piece) (inOrder bool) {
	d.begun, d.done = d.begun[:0], d.done[:0]
	at := indexOf(p.Sent)
	inOrder = !d.met[at] || d.next[at] == p.Seq
	d.met[at], d.next[at] = true, p.Seq+uint32(p.Length)
	return inOrder
}

// begin takes in a call; without room the eldest is given up.
func (d *dialogue) begin(c *Call) {
	if len(d.pending) >= maxPending {
		d.fail(Crowded, 1)
		d.pending = d.pending[1:]
	}
	d.pending = append(d.pending, c)
	d.begun = append(d.begun, c)
}

// complete ends the eldest call.
func (d *dialogue) complete(at time.Time, code string) {
	if len(d.pending) == 0 {
		return
	}
	c := d.pending[0]
	d.pending = append(d.pending[:0], d.pending[1:]...)
	c.End, c.Code = at, code
	d.done = append(d.done, c)
}

// Close returns the calls that the end of the connection cuts.
func (d *dialogue) Close(at time.Time) []*Call {
	d.done = d.done[:0]
	for _, c := range d.pending {
		c.End, c.Cut = at, true
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
