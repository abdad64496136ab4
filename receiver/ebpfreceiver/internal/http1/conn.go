// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package http1

import "time"

const (
	// maxPending bounds the requests of one connection that wait for a response.
	maxPending = 64
	// maxStrange bounds the pieces of a connection before its first head.
	maxStrange = 8
)

// Conn assembles the exchanges of one connection, as one of its ends sees it. A
// response is paired with a request only where nothing that was lost can have come
// between: after a loss nothing is reported until it is certain again which
// response belongs to which request, see Turns.
type Conn struct {
	// Pool is where exchanges come from; who completes them may put them back.
	Pool *Pool
	ends
	open
	failed failures

	turns Turns
	// exact reports that pending are all requests without a complete response, the
	// eldest first, save those behind them that unseen reports.
	exact, unseen bool
	// answeredAt is when bytes of a response passed last.
	answeredAt time.Time
	// asked is the place of the next byte in the stream of responses when the head that is read began.
	asked      uint32
	askedKnown bool
	strange    int
	opaque     bool
	// whole reports that the connection was seen from its begin: nothing can be
	// outstanding before its first request.
	whole bool
}

// Take follows one piece and returns what it completes; the slice is valid until
// the next call.
func (c *Conn) Take(p *Piece) []*Exchange {
	c.complete, c.begun = c.complete[:0], c.begun[:0]
	if c.opaque {
		return c.complete
	}
	if other := &c.streams[indexOf(!p.Sent)]; p.OtherKnown && !other.begun {
		other.begun, other.next = true, p.Other
	}
	c.other, c.otherKnown = p.Other, p.OtherKnown
	if len(c.streams[indexOf(p.Sent)].part) == 0 {
		c.asked, c.askedKnown = p.Other, p.OtherKnown
	}
	c.whole = c.whole || p.First && c.strange == 0
	met, follows := c.known, c.follows(p)
	if met {
		c.takeTurns(p, follows)
	}
	c.streams[indexOf(p.Sent)].take(p, c)
	if !met && c.known {
		c.takeTurns(p, follows)
	}
	return c.complete
}

// takeTurns notes whose turn it is. A request whose head began before the answer did
// not wait for it.
func (c *Conn) takeTurns(p *Piece, follows bool) {
	if p.Sent != c.Server {
		c.turns.Question(p.Time)
		return
	}
	c.turns.Answer(p.Time, follows)
	c.answeredAt = p.Time
	if len(c.requests().part) > 0 {
		c.turns.answered = false
	}
}

// Rest takes in that the connection came to rest at other places than were seen, after
// exchanges that were counted elsewhere. Next are the places of the next bytes,
// received and sent.
func (c *Conn) Rest(next [2]uint32) {
	if !c.known || c.opaque {
		return
	}
	c.unparsed(Gap, len(c.pending))
	c.drop()
	for i := range c.streams {
		s := &c.streams[i]
		s.begun, s.next, s.framing, s.part = true, next[i], atHead, nil
	}
	c.exact, c.unseen = true, false
	c.turns.Rest()
}

// Opaque reports that the connection speaks something else from here on.
func (c *Conn) Opaque() bool { return c.opaque }

// Failed returns what could not be parsed since the last call.
func (c *Conn) Failed() map[Reason]uint64 { return c.failed.take() }

func (c *Conn) unparsed(r Reason, n int) {
	if c.opaque || !c.known || n == 0 {
		return
	}
	c.failed.add(r, uint64(n))
}

func (c *Conn) head(h *Head, sent bool, seq uint32, at time.Time) (framing, int64) {
	server := sent != h.Request()
	if !c.known {
		c.Server, c.known, c.exact = server, true, c.whole
	}
	switch {
	case server != c.Server:
		c.lose(sent, Malformed, false) // a body that looks like a head
		return lost, 0
	case h.Request():
		return c.beginRequest(h, seq, at)
	}
	return c.beginResponse(h, at)
}

func (c *Conn) beginRequest(h *Head, seq uint32, at time.Time) (framing, int64) {
	c.settleBlind()
	e := c.Pool.take()
	e.Request, e.Seq, e.Start, e.Active = *h, seq, at, at
	e.other, e.otherKnown = c.asked, c.askedKnown
	early := c.early
	if c.early = nil; early != nil && at.After(early.Start) {
		c.unparsed(Unmatched, 1) // it answered another one
		early, c.current, c.exact = nil, nil, false
	}
	switch {
	case c.exact && len(c.pending) == 0 && early == nil:
		c.turns.Balance()
	case !c.exact && !c.restart(at):
		c.unparsed(Unpaired, 1)
		c.turns.Ask(1)
		c.request = nil
		return bodyOf(h)
	}
	e.overtakes = c.turns.Ask(len(c.pending))
	c.request = e
	if e.Lost = !c.turns.Certain(); e.Lost {
		c.unparsed(Unpaired, 1)
	} else {
		c.begun = append(c.begun, e)
	}
	if early != nil && c.adopt(e, early) {
		return bodyOf(h)
	}
	c.pending = append(c.pending, e)
	if len(c.pending) > maxPending {
		c.lose(c.Server, Crowded, false)
	}
	return bodyOf(h)
}

// adopt gives the request the response that was reported before it, and reports
// whether that was complete. Whether a response has a body depends on its request.
func (c *Conn) adopt(e, early *Exchange) bool {
	e.Response, e.End, e.ResponseBody = early.Response, early.End, early.ResponseBody
	e.Active = e.End
	bodiless := e.Request.Method == "HEAD" || e.Request.Method == "CONNECT"
	switch {
	case bodiless && early.ResponseBody > 0:
		e.Lost = true
		c.lose(c.Server, Malformed, false)
		return true
	case bodiless && !c.earlyEnd:
		c.responses().framing, c.earlyEnd = atHead, true
	}
	if c.earlyEnd {
		c.current = nil
		c.finish(e)
		return true
	}
	c.current = e
	return false
}

// restart makes the request that begins now the first one of which the response
// is certain or on trial, if that may be.
func (c *Conn) restart(at time.Time) bool {
	seen := c.otherKnown && c.responses().begun && c.responses().next == c.other
	if !at.After(c.answeredAt) || !c.turns.Resume(!seen) {
		return false
	}
	c.exact, c.unseen, c.current = true, false, nil
	answers := c.responses()
	answers.framing, answers.part = fresh, nil
	answers.begun, answers.next = c.otherKnown, c.other
	return true
}

func (c *Conn) beginResponse(h *Head, at time.Time) (framing, int64) {
	if h.Status < 200 && h.Status != 101 {
		if len(c.pending) > 0 {
			c.pending[0].Active = at
		}
		return atHead, 0 // an interim response: the real one follows
	}
	var e *Exchange
	switch {
	case len(c.pending) > 0:
		e = c.pending[0]
	case !c.exact:
		return lost, 0
	case c.unseen || c.early != nil:
		c.unparsed(Unmatched, 1)
		c.exact, c.early, c.current = false, nil, nil
		return lost, 0
	default:
		e = c.Pool.take()
		c.early, c.earlyEnd = e, false
		e.Start = at
	}
	e.Response, e.End, e.Active = *h, at, at
	c.current = e
	return c.responseBody(h, e.Request.Method)
}

func (c *Conn) responseBody(h *Head, method string) (framing, int64) {
	switch {
	case h.Status == 101, method == "CONNECT" && h.Status < 300:
		c.opaque = true
		return atHead, 0
	case method == "HEAD", h.Status == 204, h.Status == 304:
		return atHead, 0
	case h.Chunked:
		return inChunks, 0
	case h.Length >= 0 && !h.Coded:
		return inBody, h.Length
	}
	return untilClose, 0
}

// bodyOf frames a request, which without a length has no body.
func bodyOf(h *Head) (framing, int64) {
	switch {
	case h.Chunked:
		return inChunks, 0
	case h.Length > 0 && !h.Coded:
		return inBody, h.Length
	}
	return atHead, 0
}
