// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package http1

import (
	"time"
)

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
	// Active is when bytes of the exchange passed last.
	Active time.Time
	// RequestBody and ResponseBody are in bytes, as transferred.
	RequestBody, ResponseBody int64
	// Cut reports that the connection ended before the response did; without a
	// response Response.Status is 0.
	Cut bool
	// Lost reports that it is not certain which response belongs to the request: it is
	// counted as lost.
	Lost bool
	// Mark, Stalled and Ignored are for the caller, from Begun on.
	Mark    [4]uint64
	Stalled bool
	Ignored bool
	// Shift is for the caller, too: one of 2^Shift is reported.
	Shift uint8

	overtakes bool // the request began in the midst of an earlier response
	// other is the place in the stream of responses when the request began.
	other      uint32
	otherKnown bool
}

// Pool holds exchanges that are used again. It serves one goroutine; nil is a
// pool that never has one.
type Pool struct{ free []*Exchange }

const maxFree = 1024

// Put gives back an exchange that is not used any more.
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

func (c *Conn) body(sent bool, n int, at time.Time) {
	switch {
	case !c.known:
	case sent == c.Server && c.current != nil:
		c.current.ResponseBody += int64(n)
		c.current.End, c.current.Active = at, at
	case sent != c.Server && c.request != nil:
		c.request.RequestBody += int64(n)
		c.request.Active = at
	}
}

func (c *Conn) done(sent bool, at time.Time) {
	if sent != c.Server || !c.known || c.current == nil {
		return
	}
	e := c.current
	e.End = at
	c.current = nil
	if e == c.early {
		c.earlyEnd = true
		return
	}
	c.finish(e)
	c.shift(e)
	if len(c.pending) > 0 && c.overlaps(c.pending[0], at) {
		c.turns.Overlap(c.pending[0].overtakes)
	}
}

// ended releases an exchange of which it was not seen when it ended.
func (c *Conn) ended(sent bool) {
	if sent != c.Server || c.current == nil {
		return
	}
	e := c.current
	c.current = nil
	c.unparsed(Gap, 1)
	e.Lost = true
	if e == c.early {
		c.early, c.exact = nil, false // its request is still to be reported
		return
	}
	c.shift(e)
}
