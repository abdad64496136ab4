// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package http1

import "time"

// ends are the two directions of a connection, and which end of it is seen.
type ends struct {
	// Server reports which end it is. It is known with the first head.
	Server bool
	known  bool

	streams [2]stream // received, sent
	// other is the place of the next byte in the stream against that of the piece.
	other      uint32
	otherKnown bool
}

// follows reports whether no byte passed unseen since the piece before.
func (e *ends) follows(p *Piece) bool {
	mine, other := &e.streams[indexOf(p.Sent)], &e.streams[indexOf(!p.Sent)]
	return mine.begun && mine.next == p.Seq && p.OtherKnown && other.next == p.Other
}

// Known reports whether it is known which end it is.
func (e *ends) Known() bool { return e.known }

// Next returns the places of the next bytes, received and sent.
func (e *ends) Next() [2]uint32 { return [2]uint32{e.streams[0].next, e.streams[1].next} }

func (e *ends) requests() *stream { return &e.streams[indexOf(!e.Server)] }

func (e *ends) responses() *stream { return &e.streams[indexOf(e.Server)] }

// overlaps reports whether the request began before the last byte of the response
// that ended then. Bytes that were sent before it began were in the socket by then,
// whichever thread the kernel reported first.
func (e *ends) overlaps(of *Exchange, at time.Time) bool {
	if of.otherKnown {
		return int32(of.other-e.responses().next) < 0
	}
	return of.Start.Before(at)
}

// quiet reports whether no response is under way, as far as is known.
func (e *ends) quiet() bool {
	switch e.responses().framing {
	case inBody, inChunks, untilClose:
		return false
	default:
		return len(e.responses().part) == 0
	}
}
