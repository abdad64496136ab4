// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package http1

import (
	"slices"
	"time"
)

// maxPending bounds the requests of one connection that wait for a response.
const maxPending = 64

// Exchange is a request with its response.
type Exchange struct {
	Request  Head
	Response Head
	// Seq is the place of the request's first byte in its stream; both ends of the
	// connection see the same.
	Seq uint32
	// Start is when the first byte of the request passed, End when the last of the
	// response did, or when the connection ended.
	Start, End time.Time
	// RequestBody and ResponseBody are in bytes, as transferred.
	RequestBody, ResponseBody int64
	// Cut tells that the connection ended before the response did; without a
	// response Response.Status is 0.
	Cut bool
	// Mark is for whoever takes the exchange, from Begun on.
	Mark [4]uint64
}

// Pool holds exchanges that are used again. It serves one goroutine; nil is a
// pool that never has one.
type Pool struct{ free []*Exchange }

const maxFree = 1024

// Put gives an exchange back that nobody will look at any more.
func (p *Pool) Put(e *Exchange) {
	if len(p.free) < maxFree {
		p.free = append(p.free, e)
	}
}

func (p *Pool) take() *Exchange {
	if p == nil || len(p.free) == 0 {
		return &Exchange{}
	}
	e := p.free[len(p.free)-1]
	p.free = p.free[:len(p.free)-1]
	*e = Exchange{}
	return e
}

// Conn assembles the exchanges of one connection, as one of its ends sees it.
type Conn struct {
	// Pool is where exchanges come from; who completes them may put them back.
	Pool *Pool
	// Server tells whose end it is. It is known with the first head.
	Server bool
	known  bool

	streams [2]stream // received, sent
	// pending are the requests without a complete response, the eldest first.
	pending []*Exchange
	// early is a response whose request the kernel told later: the thread that
	// sent it was held up while another one read the answer.
	early    *Exchange
	earlyEnd bool
	// current is whose response is passing.
	current  *Exchange
	request  *Exchange
	begun    []*Exchange
	complete []*Exchange
	failed   map[Reason]uint64
	opaque   bool
}

// Take follows one piece and returns what it completes; the slice is valid until
// the next call.
func (c *Conn) Take(p *Piece) []*Exchange {
	c.complete, c.begun = c.complete[:0], c.begun[:0]
	if !c.opaque {
		c.streams[indexOf(p.Sent)].take(p, c)
	}
	return c.complete
}

// Close returns the exchanges that the end of the connection completes or cuts.
func (c *Conn) Close(at time.Time) []*Exchange {
	c.complete = c.complete[:0]
	if c.current != nil && c.streams[indexOf(c.Server)].framing == untilClose {
		c.done(c.Server, c.current.End)
	}
	for _, e := range c.pending {
		e.Cut = true
		if e.End.IsZero() {
			e.End = at
		}
		c.complete = append(c.complete, e)
	}
	c.pending, c.current, c.request, c.early = nil, nil, nil, nil
	return c.complete
}

// Begun returns the requests that the last piece began; their responses may be
// long in coming.
func (c *Conn) Begun() []*Exchange { return c.begun }

// Opaque reports that the connection speaks something else from here on.
func (c *Conn) Opaque() bool { return c.opaque }

// Failed hands over what could not be parsed since it was last asked.
func (c *Conn) Failed() map[Reason]uint64 {
	failed := c.failed
	c.failed = nil
	return failed
}

func indexOf(sent bool) int {
	if sent {
		return 1
	}
	return 0
}

func (c *Conn) unparsed(r Reason) {
	if c.opaque {
		return
	}
	if c.failed == nil {
		c.failed = map[Reason]uint64{}
	}
	c.failed[r]++
}

// gap gives up the requests that cannot be told apart any more from those whose
// response was not seen. Of responses that are missing only the last one may
// still come: few clients ask again before they are answered.
func (c *Conn) gap(sent bool) {
	c.unparsed(Gap)
	keep := min(1, len(c.pending))
	if sent != c.Server {
		keep = 0
	}
	c.pending = c.pending[len(c.pending)-keep:]
	c.current, c.early = nil, nil
}

func (c *Conn) head(h *Head, sent bool, seq uint32, _ int, at time.Time) (framing, int64) {
	server := sent != h.Request()
	if !c.known {
		c.Server, c.known = server, true
	}
	switch {
	case server != c.Server:
		c.unparsed(Malformed) // a body that looks like a head
		return lost, 0
	case h.Request():
		return c.beginRequest(h, seq, at)
	}
	return c.beginResponse(h, at)
}

func (c *Conn) beginRequest(h *Head, seq uint32, at time.Time) (framing, int64) {
	e := c.Pool.take()
	e.Request, e.Seq, e.Start = *h, seq, at
	c.request = e
	c.begun = append(c.begun, e)
	if early := c.early; early != nil {
		c.early = nil
		if at.After(early.Start) {
			c.unparsed(Unmatched) // it answered another one
			c.current = nil
		} else if c.adopt(e, early) {
			return bodyOf(h)
		}
	}
	if len(c.pending) >= maxPending {
		c.unparsed(Crowded)
		c.pending = c.pending[1:]
	}
	c.pending = append(c.pending, e)
	return bodyOf(h)
}

// adopt gives the request the response that was told before it, and reports
// whether that was complete.
func (c *Conn) adopt(e, early *Exchange) bool {
	e.Response, e.End, e.ResponseBody = early.Response, early.End, early.ResponseBody
	if c.earlyEnd {
		c.finish(e)
		return true
	}
	c.current = e
	return false
}

func (c *Conn) beginResponse(h *Head, at time.Time) (framing, int64) {
	if h.Status < 200 && h.Status != 101 {
		return atHead, 0 // an interim response: the real one follows
	}
	var e *Exchange
	if len(c.pending) > 0 {
		e = c.pending[0]
	} else {
		e = c.Pool.take()
		c.early, c.earlyEnd = e, false
		e.Start = at
	}
	e.Response, e.End = *h, at
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
	case h.Length >= 0:
		return inBody, h.Length
	}
	return untilClose, 0
}

// bodyOf frames a request, which without a length has no body.
func bodyOf(h *Head) (framing, int64) {
	switch {
	case h.Chunked:
		return inChunks, 0
	case h.Length > 0:
		return inBody, h.Length
	}
	return atHead, 0
}

func (c *Conn) body(sent bool, n int, at time.Time) {
	switch {
	case sent == c.Server && c.current != nil:
		c.current.ResponseBody += int64(n)
		c.current.End = at
	case sent != c.Server && c.request != nil:
		c.request.RequestBody += int64(n)
	}
}

func (c *Conn) done(sent bool, at time.Time) {
	if sent != c.Server || !c.known {
		return
	}
	e := c.current
	if e == nil {
		return
	}
	e.End = at
	c.current = nil
	if e == c.early {
		c.earlyEnd = true
		return
	}
	c.finish(e)
	if len(c.pending) > 0 && c.pending[0] == e {
		c.pending = slices.Delete(c.pending, 0, 1)
	}
}

// finish lets go of the exchange, as it may be used again: what of its request
// still comes belongs to nobody.
func (c *Conn) finish(e *Exchange) {
	c.complete = append(c.complete, e)
	if c.request == e {
		c.request = nil
	}
}
