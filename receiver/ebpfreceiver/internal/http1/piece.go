// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package http1

import "time"

// Piece is what one call sent or received.
type Piece struct {
	Time time.Time
	// Sent distinguishes the two streams of the connection.
	Sent bool
	// Seq is the place of the first byte in the stream, modulo 2^32.
	Seq uint32
	// Length is how many bytes there were; Data are the first of them, if they
	// were copied, and Tail the last.
	Length int
	Data   []byte
	Tail   []byte
	// First reports that the stream, and with it the connection, begins there.
	First bool
	// Other is the place of the next byte of the other stream, if OtherKnown.
	Other      uint32
	OtherKnown bool
	// Asked is the direction of the questions to a database, if AskedKnown: whether
	// they are sent.
	Asked, AskedKnown bool
}

// End is how a connection ended, as one of its ends saw it.
type End struct {
	// Time is when this end closed the connection or lost it.
	Time time.Time
	// PeerTime is when the peer had nothing more to send; zero if it never said so.
	PeerTime time.Time
	// Next are the places behind the last bytes received and sent, if Known.
	Next  [2]uint32
	Known bool
	// GivenUp reports that this end closed it and the peer had not.
	GivenUp bool
	// Unread reports that there were bytes in the socket that this end had not read.
	Unread bool
	// Refused reports that the peer had closed it and refused what this end sent then.
	// The refusal comes while the call that sends is under way, so these bytes are
	// never seen; no one has read them.
	Refused bool
}

// Missed reports whether bytes of that stream were not seen, of which the next
// expected one has the place.
func (e *End) Missed(sent bool, next uint32) bool {
	return e.Known && e.Next[indexOf(sent)] != next
}

// Reason is why bytes of a connection that speaks HTTP made no exchange.
type Reason string

// The reasons.
const (
	// Gap: bytes were not seen.
	Gap Reason = "gap"
	// Malformed: a head was expected, and there was none.
	Malformed Reason = "malformed"
	// TooLarge: a head is longer than is copied or kept.
	TooLarge Reason = "head_too_large"
	// Unmatched: a response whose request was not seen.
	Unmatched Reason = "unmatched"
	// Unpaired: a request after a loss, of which it is not certain which response
	// answers it.
	Unpaired Reason = "unpaired"
	// Crowded: more requests without a response than are kept.
	Crowded Reason = "pipeline_too_deep"
	// Evicted: more connections than are kept.
	Evicted Reason = "connections_full"
)

func indexOf(sent bool) int {
	if sent {
		return 1
	}
	return 0
}
