// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package dbwire

import (
	"bytes"
	"slices"
)

// takeBack reads answers. Of a long one only the beginning is known; that the
// server is ready again stands at its very end.
func (g *postgres) takeBack(p *Piece, inOrder bool) {
	g.lastSeen = p.Time
	m := &g.back
	if g.awaits {
		g.takeOneByte(p)
		return
	}
	if !inOrder {
		m.broken, g.missed = true, true
	}
	if !m.broken && !m.feed(p, g.fromBack) {
		m.broken = true
	}
	if m.broken && endsReady(p.Tail) {
		m.reset()
		g.missed = false
		g.ready()
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

func endsReady(tail []byte) bool {
	if len(tail) < 6 {
		return false
	}
	end := tail[len(tail)-6:]
	return bytes.HasPrefix(end, []byte{'Z', 0, 0, 0, 5}) && bytes.IndexByte([]byte("ITE"), end[5]) >= 0
}

// fromBack reads what the server says.
func (g *postgres) fromBack(kind byte, body []byte, _ uint32) {
	switch kind {
	case 'C', 'I', 's':
		g.answered("")
	case 'E':
		g.answered(sqlState(body))
	case 'Z':
		g.missed = false
		g.ready()
	}
}

// answered ends a call. A simple query with several statements is one call, which
// ends when the server is ready; the first error is its.
func (g *postgres) answered(code string) {
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

func (g *postgres) failParse(code string) {
	c := g.cycles[0].parsed
	if code == "" || c == nil {
		return
	}
	g.cycles[0].parsed = nil
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
