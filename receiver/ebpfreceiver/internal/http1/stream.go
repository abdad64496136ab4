// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package http1

import (
	"bytes"
	"errors"
	"time"
)

type framing uint8

const (
	// fresh: the next piece begins with a head. Its place in the stream is known only
	// if the stream has begun.
	fresh framing = iota
	atHead
	inBody // of known length
	inChunks
	untilClose
	lost // until the connection knows where a message begins
)

// stream follows the messages of one direction.
type stream struct {
	framing framing
	begun   bool
	next    uint32
	left    int64  // of a body of known length
	part    []byte // of a head that came in several pieces
	partSeq uint32
	partAt  time.Time
	chunks  chunks
	// heads are the one being read and the one before it, whose texts it shares.
	heads [2]Head
}

// parse reads a head into the stream's own memory.
func (s *stream) parse(b []byte) (*Head, int, error) {
	s.heads[0], s.heads[1] = s.heads[1], s.heads[0]
	size, err := s.heads[0].parse(b, &s.heads[1])
	if err != nil {
		s.heads[0], s.heads[1] = s.heads[1], Head{}
		return nil, 0, err
	}
	return &s.heads[0], size, nil
}

// listener learns what a stream finds.
type listener interface {
	// head is a message; the result is how its body is framed.
	head(h *Head, sent bool, seq uint32, at time.Time) (framing, int64)
	// body is bytes behind the head.
	body(sent bool, n int, at time.Time)
	// done reports that the message is complete.
	done(sent bool, at time.Time)
	// ended reports that the message is complete, at a time that was not seen.
	ended(sent bool)
	// lose reports that messages of the stream cannot be distinguished any more. With
	// missing, bytes were not seen, which may have held any number of messages.
	lose(sent bool, why Reason, missing bool)
	// oversized is a request whose head is too long to read to its end.
	oversized(h *Head, sent bool, seq uint32, at time.Time)
	// alone reports that no other message can follow before the client has the answer
	// to this one. Otherwise the end of a piece may be that of another message.
	alone(sent bool) bool
	// resume reports whether a message begins where the piece does, although the
	// stream was lost.
	resume(s *stream, p *Piece) bool
}

// take follows one piece. What is behind the copied bytes can only be skipped, so
// a head that begins there is lost.
func (s *stream) take(p *Piece, to listener) {
	if s.framing == fresh && s.begun && int32(p.Seq+uint32(p.Length)-s.next) <= 0 {
		return // of an earlier message, and reported late
	}
	follows := s.catchUp(p, to)
	s.begun, s.next = true, p.Seq+uint32(p.Length)
	if !follows {
		return
	}
	data, length := p.Data[:min(len(p.Data), p.Length)], p.Length
	for length > 0 && s.framing != lost {
		var n int
		switch s.framing {
		case fresh, atHead:
			s.framing = atHead
			n = s.takeHead(p, data, length, to)
		case inBody:
			n = s.takeBody(p, length, to)
		case inChunks:
			n = s.takeChunks(p, data, length, to)
		default: // until the close
			n = length
			to.body(p.Sent, n, p.Time)
		}
		length -= n
		data = data[min(n, len(data)):]
	}
}

func (s *stream) takeBody(p *Piece, length int, to listener) (consumed int) {
	n := int(min(s.left, int64(length)))
	s.left -= int64(n)
	to.body(p.Sent, n, p.Time)
	if s.left == 0 {
		s.framing = atHead
		to.done(p.Sent, p.Time)
	}
	return n
}

// catchUp compares the place of the piece with the one expected, and reports
// whether the stream can be followed from the piece on. Bytes that were not seen
// do no harm inside a body of known length.
func (s *stream) catchUp(p *Piece, to listener) bool {
	missing := int64(int32(p.Seq - s.next))
	switch {
	case s.framing == lost, s.framing == fresh && (missing == 0 || !s.begun):
		return to.resume(s, p)
	case missing == 0 || !s.begun:
		return true
	case missing > 0 && s.framing == inBody && missing <= s.left:
		s.left -= missing
		to.body(p.Sent, int(missing), p.Time)
		if s.left == 0 {
			s.framing = atHead
			to.ended(p.Sent)
		}
		return true
	case missing > 0 && s.framing == inChunks && s.chunks.skip(missing):
		to.body(p.Sent, int(missing), p.Time)
		return true
	case missing > 0 && s.framing == untilClose:
		to.body(p.Sent, int(missing), p.Time)
		return true
	}
	s.part = nil
	to.lose(p.Sent, Gap, true)
	return to.resume(s, p)
}

// mayBegin reports whether the piece begins with a head, or the first bytes of one.
// Of a first line that is not complete the method must be a common one, for other
// words stand in bodies too; not so where the connection itself begins.
func (s *stream) mayBegin(p *Piece) bool {
	_, _, err := s.parse(p.Data)
	switch {
	case len(p.Data) == 0, errors.Is(err, ErrMalformed):
		return false
	case err == nil, p.First, bytes.IndexByte(p.Data, '\n') >= 0:
		return true
	}
	return beginsCommonly(p.Data)
}

// mayAnswer is the same for a response.
func (s *stream) mayAnswer(p *Piece) bool {
	n := min(len(p.Data), len(statusPrefix))
	return string(p.Data[:n]) == statusPrefix[:n] && s.mayBegin(p)
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
	whole := len(data)-had >= length
	if had > 0 && whole && len(data) < MaxHead && !endsHere(data, had) {
		return length
	}
	head, size, err := s.parse(data)
	switch {
	case err == nil:
		s.part = nil
		s.begin(head, p, seq, at, to)
		return size - had
	case errors.Is(err, ErrIncomplete) && whole:
		if had == 0 {
			s.part, s.partSeq, s.partAt = bytes.Clone(data), seq, at
		}
		return length
	case errors.Is(err, ErrMalformed):
		to.lose(p.Sent, Malformed, false)
	case len(data) == had:
		to.lose(p.Sent, Gap, false)
	case s.heads[0].parseFirstLine(data):
		s.part, s.framing = nil, lost
		to.oversized(&s.heads[0], p.Sent, seq, at)
	default:
		to.lose(p.Sent, TooLarge, false)
	}
	return length
}

// endsHere reports whether the bytes from there on end the first line or the whole
// of a head: only then is there anything new to parse.
func endsHere(b []byte, from int) bool {
	if bytes.IndexByte(b[:from], '\n') < 0 {
		return true
	}
	near := b[max(0, from-3):]
	return bytes.Contains(near, []byte("\n\r\n")) || bytes.Contains(near, []byte("\n\n"))
}

func (s *stream) begin(head *Head, p *Piece, seq uint32, at time.Time, to listener) {
	s.framing, s.left = to.head(head, p.Sent, seq, at)
	s.chunks = chunks{end: s.chunks.end[:0], at: p.Time}
	if s.framing == inBody && s.left == 0 {
		s.framing = atHead
	}
	if s.framing == atHead {
		to.done(p.Sent, p.Time)
	}
}

// takeChunks follows the chunks while their sizes are copied. After that the last
// one is known by how a piece ends, and if it has trailers, by what follows.
func (s *stream) takeChunks(p *Piece, data []byte, length int, to listener) (consumed int) {
	n, end, ok := s.chunks.take(p, data, length)
	s.chunks.at = p.Time
	switch {
	case !ok:
		to.lose(p.Sent, Malformed, false)
		return length
	case end && s.chunks.blind && !to.alone(p.Sent):
		to.lose(p.Sent, Gap, false)
		return length
	case end:
		to.body(p.Sent, n, p.Time)
		s.framing = atHead
		to.done(p.Sent, p.Time)
		return n
	}
	to.body(p.Sent, n, p.Time)
	return n
}
