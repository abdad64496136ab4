// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package http1

import "time"

// lose gives up what a loss makes uncertain. A loss in the requests leaves those
// before it certain. A loss in the responses leaves none.
func (c *Conn) lose(sent bool, why Reason, missing bool) {
	s := &c.streams[indexOf(sent)]
	s.framing, s.part = lost, nil
	if !c.known {
		s.framing = fresh
		c.opaque = c.opaque || c.tooStrange()
		return
	}
	if sent != c.Server {
		c.unparsed(why, 1)
		c.unseen, c.request = true, nil
		c.turns.Lose()
		if c.early != nil {
			c.unparsed(Unmatched, 1)
			c.early, c.current, c.exact = nil, nil, false
		}
		return
	}
	if !missing && len(c.pending) > 1 && (why == Crowded || c.overlaps(c.pending[1], c.answeredAt)) {
		c.turns.Overlap(false)
	}
	c.unparsed(why, max(1, len(c.pending)))
	c.drop()
}

// drop forgets the requests that wait.
func (c *Conn) drop() {
	for _, e := range c.pending {
		e.Lost = true
	}
	c.pending, c.current, c.request, c.early, c.exact = nil, nil, nil, nil, false
	c.turns.batch = 0
}

func (c *Conn) tooStrange() bool {
	c.strange++
	c.whole = false
	return c.strange >= maxStrange
}

// Lose gives up everything that is under way, as records of the connection were
// lost.
func (c *Conn) Lose() {
	if !c.known {
		return
	}
	c.lose(!c.Server, Gap, true)
	if len(c.pending) > 0 || c.current != nil {
		c.lose(c.Server, Gap, true)
	}
}

// oversized takes a request of which only the first line is read. Its response is
// certain; where the next request begins is not.
func (c *Conn) oversized(h *Head, sent bool, seq uint32, at time.Time) {
	if !c.known {
		c.Server, c.known, c.exact = !sent, true, c.whole
	}
	if sent == c.Server || !c.exact && !c.restart(at) {
		c.lose(sent, TooLarge, false)
		return
	}
	c.beginRequest(h, seq, at)
	c.unparsed(TooLarge, 1)
	c.unseen, c.request = true, nil
	c.turns.Lose()
}

// resume reports whether a message begins at the piece.
func (c *Conn) resume(s *stream, p *Piece) bool {
	if !c.known {
		p.skipProxy()
		if s.mayBegin(p) {
			return true
		}
		c.opaque = c.opaque || c.tooStrange()
		return false
	}
	if p.Sent == c.Server {
		return c.resumeResponses(s, p)
	}
	if s.framing == lost && s.begun && p.Seq != s.next {
		c.turns.Lose() // what was not seen may have been a request
	}
	if !s.mayBegin(p) {
		s.framing = lost
		c.turns.Lose()
		return false
	}
	if s.framing == lost && (len(c.pending) > 0 || !c.quiet() || !c.restart(p.Time)) {
		c.unparsed(Unpaired, 1)
		if p.Seq == s.next && c.stillUnanswered() {
			c.turns.Overlap(false)
		}
		c.turns.Lose()
		return false
	}
	s.framing = atHead
	return true
}

// stillUnanswered reports that no answer has come since the request before, not
// even one that was not seen.
func (c *Conn) stillUnanswered() bool {
	return !c.turns.answered && c.otherKnown && c.responses().begun && c.responses().next == c.other
}

// alone implements listener.
func (c *Conn) alone(sent bool) bool {
	if sent == c.Server {
		return len(c.pending) <= 1 && !c.unseen
	}
	return !c.turns.pipelined
}

// resumeResponses expects the answer to the first request after a loss.
func (c *Conn) resumeResponses(s *stream, p *Piece) bool {
	switch {
	case s.framing == lost:
		return false
	case s.mayAnswer(p):
		return true
	}
	c.lose(p.Sent, Malformed, false)
	return false
}

// settleBlind ends a chunked response with trailers that were not copied: a client
// that waits for its answers asks only after them.
func (c *Conn) settleBlind() {
	s := c.responses()
	if s.framing != inChunks || !s.chunks.blind || c.current == nil || c.current == c.early || len(c.pending) != 1 || !c.turns.MayResume() {
		return
	}
	at := s.chunks.at
	s.framing = fresh
	c.done(c.Server, at)
}

// Close returns the exchanges that the end of the connection completes or cuts. A
// loss is no cut: what may have been answered in bytes that were not seen is not
// reported.
func (c *Conn) Close(end *End) []*Exchange {
	c.complete = c.complete[:0]
	s := c.responses()
	if c.known && end.Missed(c.Server, s.next) {
		c.closeAfterLoss(end)
	}
	if !c.Server && end.Unread && !end.GivenUp && len(c.pending) > 0 {
		c.lose(c.Server, Gap, true) // they may be read yet
	}
	switch {
	case s.framing != inChunks:
	case s.chunks.blind && !c.alone(c.Server):
		c.lose(c.Server, Gap, false)
	case s.chunks.mayHaveEnded(), s.chunks.blind && end.Missed(!c.Server, c.requests().next):
		c.ended(c.Server)
	}
	at := end.Time
	if !c.Server && !end.PeerTime.IsZero() && end.PeerTime.Before(at) {
		at = end.PeerTime
	}
	if c.current != nil && c.current != c.early && s.framing == untilClose && (c.Server || !end.GivenUp || end.Unread) {
		c.done(c.Server, later(c.current.End, at))
	}
	// A client that closes with data at hand had what it wanted. Without it waited in
	// vain.
	enough := end.Unread && end.GivenUp && !c.Server
	for _, e := range c.pending {
		if e.Lost {
			continue // on trial, and counted
		}
		e.Cut = !enough || e.Response.Status == 0
		e.End = later(e.Active, at)
		c.complete = append(c.complete, e)
	}
	c.pending, c.current, c.request, c.early = nil, nil, nil, nil
	return c.complete
}

// closeAfterLoss keeps only an exchange of which the loss cannot hide the end.
func (c *Conn) closeAfterLoss(end *End) {
	s := c.responses()
	missing := int64(end.Next[indexOf(c.Server)] - s.next)
	if s.framing == inBody && missing < s.left || s.framing == untilClose {
		return
	}
	if end.Refused && c.Server && c.exact && !c.unseen && len(c.pending) == 1 {
		return // the client was gone before its answer
	}
	c.lose(c.Server, Gap, true)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
