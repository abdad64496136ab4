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

// End is how a connection ended.
type End = http1.End

// Reason is why bytes of a connection made no call.
type Reason string

// The reasons.
const (
	// Gap: bytes were not seen, and with them the end of a call.
	Gap Reason = "gap"
	// Malformed: a message was expected, and there was none.
	Malformed Reason = "malformed"
	// Unmatched: an answer whose question was not seen.
	Unmatched Reason = "unmatched"
	// Unpaired: a call after a loss, of which it is not certain which answer is its.
	Unpaired Reason = "unpaired"
	// Crowded: more calls without an answer than are kept.
	Crowded Reason = "pipeline_too_deep"
)

// maxPending bounds the calls of one connection that wait for an answer.
const maxPending = 1024

// Connect is the operation of a connection that the server refused.
const Connect = "CONNECT"

// Call is a question to a database with its answer.
type Call struct {
	// Operation is the command, in capitals.
	Operation string
	// Text is the question with ? for each value, if it was asked for.
	Text string
	// Namespace is the database, if the connection named it.
	Namespace string
	// Code is what the database says of an error, empty of none.
	Code string
	// Seq is the place of the question in its stream; both ends see the same.
	Seq        uint32
	Start, End time.Time
	// Cut reports that the connection ended before the answer did.
	Cut bool
	// Lost reports that it is not certain which answer belongs to the question: it is
	// counted as lost.
	Lost bool
	// Mark and Stalled are for the caller, from Begun on.
	Mark    [4]uint64
	Stalled bool

	overtakes bool // it was asked in the midst of an earlier answer
	silent    bool // the client asked for no answer
	answers   spot // the place in the stream of answers when it was asked
}

// Conn follows one connection, as one of its ends sees it.
type Conn interface {
	// Take follows one piece and returns what it completes, valid until the next.
	Take(p *Piece) []*Call
	// Begun returns the calls that the last piece began.
	Begun() []*Call
	// Pending returns the calls without an answer, the eldest first.
	Pending() []*Call
	// Active is when bytes passed last.
	Active() time.Time
	// Next returns the places of the next bytes, received and sent.
	Next() [2]uint32
	// Close returns the calls that the end of the connection cuts.
	Close(end *End) []*Call
	// Lose gives up what is under way, as records of the connection were lost.
	Lose()
	// Server reports which end it is.
	Server() bool
	// Opaque reports that it speaks something else from here on.
	Opaque() bool
	// Encrypts reports that what it speaks is TLS.
	Encrypts() bool
	// Failed returns what could not be read since the last call.
	Failed() map[Reason]uint64
}
