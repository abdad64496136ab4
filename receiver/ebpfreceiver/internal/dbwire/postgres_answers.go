// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package dbwire

import (
	"bytes"
	"encoding/binary"
	"slices"
)

// takeBack reads answers. Of a long one only the beginning is known; that the
// server is ready again stands at its very end.
func (g *postgres) takeBack(p *Piece, how arrival) {
	g.answers(p)
	m := &g.back
	switch {
	case g.awaits:
		g.takeOneByte(p)
		return
	case !g.exact:
		return
	case how == afterGap:
		g.loseBack(Gap, true)
		return
	case !g.blind && m.feed(p, g.fromBack):
		return
	}
	switch {
	case !g.exact:
	case len(g.cycles) != 1 || g.unseen || !g.blind && whyOf(p) == Malformed || p.OtherKnown && p.Other != g.next[indexOf(!p.Sent)]:
		g.loseBack(whyOf(p), false)
	case endsReady(p.Tail):
		m.reset()
		g.blind = false
		g.ready()
	case mayEndReady(p):
		g.loseBack(Gap, false)
	default:
		g.blind = true
	}
}

func (g *postgres) takeOneByte(p *Piece) {
	g.awaits = false
	if len(p.Data) > 0 && p.Data[0] != 'N' {
		g.opaque, g.encrypts = true, p.Data[0] == 'S'
		return
	}
	g.front.startup = true
}

// endsReady reports whether the bytes end in the completion of a command, and the
// message that the server is ready. Of a failed command they do not.
func endsReady(tail []byte) bool {
	const ready, head = 6, 5
	at := len(tail) - ready
	if at <= head || !bytes.HasPrefix(tail[at:], []byte{'Z', 0, 0, 0, 5}) || bytes.IndexByte([]byte("IT"), tail[at+5]) < 0 || tail[at-1] != 0 {
		return false
	}
	for i := at - head - 1; i >= 0; i-- {
		if tail[i] == 'C' && int(binary.BigEndian.Uint32(tail[i+1:]))+1 == at-i {
			return true
		}
	}
	return false
}

// mayEndReady reports whether the server may be ready after the piece: it is not
// known whether the command failed.
func mayEndReady(p *Piece) bool {
	const ready = 6
	if len(p.Tail) < ready {
		return true
	}
	end := p.Tail[len(p.Tail)-ready:]
	return bytes.HasPrefix(end, []byte{'Z', 0, 0, 0, 5})
}

// fromBack reads what the server says.
func (g *postgres) fromBack(kind byte, body []byte, _ uint32) {
	switch kind {
	case 'C', 'I', 's':
		g.answered("")
	case 'E':
		g.answered(sqlState(body))
	case 'Z':
		g.ready()
	}
}

// answered ends a call. A simple query with several statements is one call, which
// ends when the server is ready; the first error is its.
func (g *postgres) answered(code string) {
	if len(g.cycles) > 0 && g.cycles[0].connect != nil {
		g.refuse(code)
		return
	}
	if len(g.cycles) > 0 && g.cycles[0].calls == 0 {
		g.failParse(code)
		return
	}
	if len(g.pending) == 0 || g.pending[0].Code != "" {
		return
	}
	if code != "" {
		g.pending[0].Code = code
		return
	}
	if len(g.cycles) == 0 || g.cycles[0].calls > 1 {
		g.end("")
	}
}

// refuse reports a connection that the server does not let in.
func (g *postgres) refuse(code string) {
	c := g.cycles[0].connect
	if code == "" {
		return
	}
	g.cycles = slices.Delete(g.cycles, 0, 1)
	c.Code, c.End = code, g.now
	g.begun, g.done = append(g.begun, c), append(g.done, c)
}

func (g *postgres) failParse(code string) {
	c := g.cycles[0].parsed
	if code == "" || c == nil {
		return
	}
	g.cycles[0].parsed = nil
	if c.Lost {
		return
	}
	c.Code, c.End = code, g.now
	g.done = append(g.done, c)
	g.begun = append(g.begun, c)
}

func (g *postgres) end(code string) {
	g.complete(g.now, code)
	if len(g.cycles) > 0 && g.cycles[0].calls > 0 {
		g.cycles[0].calls--
	}
}

// ready ends the calls of the cycle. Those behind one that failed were not run.
func (g *postgres) ready() {
	if len(g.cycles) == 0 {
		if g.exact {
			g.loseBack(Unmatched, false) // of a question that was not seen
		}
		return
	}
	first := g.cycles[0]
	g.cycles = slices.Delete(g.cycles, 0, 1)
	for range first.calls {
		if len(g.pending) == 0 {
			return
		}
		code := g.pending[0].Code
		g.complete(g.now, code)
		first.calls--
		if code != "" {
			g.pending = slices.Delete(g.pending, 0, min(first.calls, len(g.pending)))
			return
		}
	}
}

// sqlState is the field C of an error.
func sqlState(body []byte) string {
	for len(body) > 1 {
		kind := body[0]
		value, rest := cstring(body[1:])
		if kind == 'C' && len(value) == 5 {
			return value
		}
		body = rest
	}
	return "_OTHER"
}
