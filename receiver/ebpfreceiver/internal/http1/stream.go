// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package http1

import (
	"bytes"
	"errors"
	"time"
)

// Piece is what one call sent or received.
type Piece struct {
	Time time.Time
	// Sent tells the two streams of the connection apart.
	Sent bool
	// Seq is the place of the first byte in the stream, modulo 2^32.
	Seq uint32
	// Length is how many bytes there were; Data are the first of them, if they
	// were copied at all, and Tail the last.
	Length int
	Data   []byte
	Tail   []byte
}

// Reason is why bytes of a connection that speaks HTTP made no exchange.
type Reason string

// The reasons.
const (
	// Gap: bytes between two pieces were not seen.
	Gap Reason = "gap"
	// Malformed: a head was expected, and there was none.
	Malformed Reason = "malformed"
	// TooLarge: a head is longer than is copied or kept.
	TooLarge Reason = "head_too_large"
	// Unmatched: a response whose request was not seen.
	Unmatched Reason = "unmatched"
	// Crowded: more requests without a response than are kept.
	Crowded Reason = "pipeline_too_deep"
	// Evicted: more connections than are kept.
	Evicted Reason = "connections_full"
)

type framing uint8

const (
	atHead framing = iota
	inBody         // of known length
	inChunks
	untilClose
	lost // until a piece begins with a head
)

const lastChunk = "0\r\n\r\n"

// stream follows the messages of one direction.
type stream struct {
	framing framing
	begun   bool
	next    uint32
	left    int64  // of a body of known length
	part    []byte // of a head that came in several pieces
	partSeq uint32
	partAt  time.Time
	end     []byte // the last bytes of chunks, at most as many as lastChunk has
	chunkAt time.Time
	// heads are the one being read and the one before it, whose texts it shares.
	heads [2]Head
}

// parse reads a head into the stream's own room.
func (s *stream) parse(b []byte) (*Head, int, error) {
	s.heads[0], s.heads[1] = s.heads[1], s.heads[0]
	size, err := s.heads[0].parse(b, &s.heads[1])
	if err != nil {
		s.heads[0], s.heads[1] = s.heads[1], Head{}
		return nil, 0, err
	}
	return &s.heads[0], size, nil
}

// listener is told what a stream finds.
type listener interface {
	// head tells of a message; it says how its body is framed.
	head(h *Head, sent bool, seq uint32, size int, at time.Time) (framing, int64)
	// body tells of bytes behind the head.
	body(sent bool, n int, at time.Time)
	// done tells that the message is complete.
	done(sent bool, at time.Time)
	unparsed(Reason)
	// gap tells that bytes were not seen, and with them the end of a message.
	gap(sent bool)
}

// take follows one piece. What is behind the copied bytes can only be skipped, so
// a head that begins there is lost.
func (s *stream) take(p *Piece, to listener) {
	if !s.catchUp(p, to) {
		return
	}
	data, length := p.Data[:min(len(p.Data), p.Length)], p.Length
	s.next = p.Seq + uint32(length)
	for length > 0 {
		var n int
		switch s.framing {
		case atHead:
			n = s.takeHead(p, data, length, to)
		case inBody:
			n = int(min(s.left, int64(length)))
			s.left -= int64(n)
			to.body(p.Sent, n, p.Time)
			if s.left == 0 {
				s.framing = atHead
				to.done(p.Sent, p.Time)
			}
		case inChunks:
			n = s.takeChunks(p, length, to)
		case untilClose:
			n = length
			to.body(p.Sent, n, p.Time)
		case lost:
			return
		}
		length -= n
		data = data[min(n, len(data)):]
	}
}

// catchUp compares the place of the piece with the one expected. Bytes that were
// not seen do no harm inside a body of known length.
func (s *stream) catchUp(p *Piece, to listener) bool {
	missing := int64(int32(p.Seq - s.next))
	switch {
	case !s.begun, s.framing == lost:
		s.begun = true
		return s.resume(p)
	case missing == 0:
		return true
	case missing > 0 && s.framing == inBody && missing < s.left:
		s.left -= missing
		to.body(p.Sent, int(missing), p.Time)
		return true
	case missing > 0 && s.framing == untilClose:
		return true
	}
	if s.framing != atHead || len(s.part) > 0 {
		to.gap(p.Sent)
	}
	return s.resume(p)
}

// resume begins anew at a piece that begins with a head.
func (s *stream) resume(p *Piece) bool {
	s.part = nil
	_, _, err := s.parse(p.Data)
	if errors.Is(err, ErrMalformed) || len(p.Data) == 0 {
		s.framing = lost
		s.next = p.Seq + uint32(p.Length)
		return false
	}
	s.framing = atHead
	return true
}

func (s *stream) takeHead(p *Piece, data []byte, length int, to listener) (consumed int) {
	seq, at, had := s.next-uint32(length), p.Time, len(s.part)
	if had > 0 {
		s.part = append(s.part, data...)
		data, seq, at = s.part, s.partSeq, s.partAt
	}
	// Some clients send an empty line behind a body, which RFC 9112 2.2 has servers skip.
	if blank := len(data) - len(bytes.TrimLeft(data, "\r\n")); blank > 0 && had == 0 {
		return blank
	}
	head, size, err := s.parse(data)
	switch {
	case err == nil:
		s.part = nil
		s.begin(head, p, seq, size, at, to)
		return size - had
	case errors.Is(err, ErrIncomplete) && len(data)-had >= length:
		if had == 0 {
			s.part, s.partSeq, s.partAt = bytes.Clone(data), seq, at
		}
		return length
	case errors.Is(err, ErrIncomplete), errors.Is(err, ErrTooLarge):
		to.unparsed(TooLarge)
	default:
		to.unparsed(Malformed)
	}
	s.part, s.framing = nil, lost
	return length
}

func (s *stream) begin(head *Head, p *Piece, seq uint32, size int, at time.Time, to listener) {
	s.framing, s.left = to.head(head, p.Sent, seq, size, at)
	s.end, s.chunkAt = s.end[:0], p.Time
	if s.framing == inBody && s.left == 0 {
		s.framing = atHead
	}
	if s.framing == atHead {
		to.done(p.Sent, p.Time)
	}
}

// takeChunks does not read the chunks, whose bytes were mostly not copied: the
// last one is known by how the piece ends, and if it has trailers, by the head
// that follows.
func (s *stream) takeChunks(p *Piece, length int, to listener) (consumed int) {
	if _, _, err := s.parse(p.Data); err == nil && length == p.Length {
		s.framing = atHead
		to.done(p.Sent, s.chunkAt)
		return s.takeHead(p, p.Data, length, to)
	}
	s.chunkAt = p.Time
	to.body(p.Sent, length, p.Time)
	tail := p.Tail[max(0, len(p.Tail)-length):]
	if len(tail) < min(len(lastChunk), length) {
		s.end = s.end[:0]
	}
	s.end = append(s.end, tail...)
	s.end = s.end[max(0, len(s.end)-len(lastChunk)):]
	if string(s.end) == lastChunk {
		s.framing = atHead
		to.done(p.Sent, p.Time)
	}
	return length
}
