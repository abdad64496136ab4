// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package dbwire

import (
	"bytes"
	"encoding/binary"
	"time"
)

const (
	protocol3      = 3 << 16
	sslRequest     = 80877103
	gssRequest     = 80877104
	cancelRequest  = 80877102
	messageHead    = 5
	maxText        = 1 << 10 // bytes of a statement that are kept
	maxStatements  = 64      // of one connection, known by name
	maxName        = 64      // bytes of such a name
	maxMessageSize = 1 << 30
)

// postgres reads version 3 of PostgreSQL's protocol: simple and extended queries.
type postgres struct {
	dialogue
	withText   bool
	namespace  string
	front      messages
	back       messages
	statements map[string]statement
	portals    map[string]statement
	// cycles are the calls between two points at which the server says that it is
	// ready, the eldest first.
	cycles []cycle
	// parsed is what was prepared since the last such point: an error may be of it.
	parsed   *Call
	awaits   bool // an answer of one byte, of TLS or not
	missed   bool // bytes of the answers, perhaps their end
	lastSeen time.Time
	now      time.Time
}

// statement is what is kept of one.
type statement struct{ operation, text string }

type cycle struct {
	calls  int
	parsed *Call
}

// NewPostgreSQL follows a connection to PostgreSQL.
func NewPostgreSQL(withText bool) Conn {
	return &postgres{withText: withText, statements: map[string]statement{}, portals: map[string]statement{}}
}

// Take implements Conn.
func (g *postgres) Take(p *Piece) []*Call {
	inOrder := g.arrive(p)
	if !g.known {
		g.known, g.server = true, !p.Sent
		g.front.startup = isStartup(p.Data)
	}
	g.now = p.Time
	if p.Sent == g.server {
		g.takeBack(p, inOrder)
	} else {
		g.takeFront(p, inOrder)
	}
	return g.done
}

func isStartup(b []byte) bool {
	return len(b) >= 8 && b[0] == 0 && binary.BigEndian.Uint32(b[4:]) >= protocol3
}

func (g *postgres) takeFront(p *Piece, inOrder bool) {
	m := &g.front
	g.catchUp()
	if !inOrder {
		m.broken = true
	}
	if m.broken && len(g.cycles) == 0 && m.mayBegin(p.Data) {
		m.reset() // the server is ready, so this is a new question
	}
	if m.broken {
		return
	}
	m.place = p.Seq
	if !m.feed(p, g.fromFront) {
		m.broken = true
		g.fail(Gap, 1)
	}
}

// catchUp ends what was answered while answers were missed: who asks one thing at
// a time has got the answer when it asks again.
func (g *postgres) catchUp() {
	if !g.missed {
		return
	}
	g.missed = false
	g.back.reset()
	if len(g.cycles) == 1 {
		now := g.now
		g.now = g.lastSeen
		g.ready()
		g.now = now
		return
	}
	g.fail(Gap, len(g.pending))
	g.forget()
}

// fromFront reads what a client says; of the body there may be less than it is long.
func (g *postgres) fromFront(kind byte, body []byte, place uint32) {
	switch kind {
	case 0:
		g.start(body)
	case 'Q':
		text, _ := cstring(body)
		g.ask(g.newStatement(text), place)
		g.endCycle()
	case 'P':
		name, rest := cstring(body)
		text, _ := cstring(rest)
		g.prepare(name, text, place)
	case 'B':
		portal, rest := cstring(body)
		name, _ := cstring(rest)
		keep(g.portals, portal, g.statements[name])
	case 'E':
		portal, _ := cstring(body)
		g.ask(g.portals[portal], place)
	case 'S', 'F':
		g.endCycle()
	}
}

func (g *postgres) start(body []byte) {
	if len(body) < 4 {
		return
	}
	switch code := binary.BigEndian.Uint32(body); code {
	case sslRequest, gssRequest:
		g.awaits = true
	case cancelRequest:
		g.opaque = true
	default:
		g.startup(body[4:])
	}
}

func (g *postgres) startup(parameters []byte) {
	user := ""
	for len(parameters) > 1 {
		var name, value string
		name, parameters = cstring(parameters)
		value, parameters = cstring(parameters)
		switch name {
		case "database":
			g.namespace = value
		case "user":
			user = value
		}
	}
	if g.namespace == "" {
		g.namespace = user // as the server has it
	}
	g.cycles = append(g.cycles, cycle{}) // of the greeting
}

// ask begins a call; the cycle is the one that the next Sync ends.
func (g *postgres) ask(s statement, place uint32) { g.begin(g.call(s, place)) }

func (g *postgres) newStatement(text string) statement {
	s := statement{operation: operationOf(text)}
	if g.withText {
		s.text = withoutValues(text)
	}
	return s
}

// call is of a statement that may have been prepared before anybody looked.
func (g *postgres) call(s statement, place uint32) *Call {
	if s.operation == "" {
		s.operation = "EXECUTE"
	}
	return &Call{Operation: s.operation, Text: s.text, Namespace: g.namespace, Seq: place, Start: g.now}
}

func (g *postgres) prepare(name, text string, place uint32) {
	s := g.newStatement(text)
	keep(g.statements, name, s)
	g.parsed = g.call(s, place)
}

// keep remembers a statement by name, in bounds: of too many all are forgotten.
func keep(in map[string]statement, name string, s statement) {
	name = name[:min(len(name), maxName)]
	if _, known := in[name]; !known && len(in) >= maxStatements {
		clear(in)
	}
	in[name] = s
}

func (g *postgres) endCycle() {
	waiting := 0
	for _, c := range g.cycles {
		waiting += c.calls
	}
	if len(g.cycles) >= maxPending {
		g.fail(Crowded, 1)
		g.forget()
		return
	}
	g.cycles = append(g.cycles, cycle{calls: max(0, len(g.pending)-waiting), parsed: g.parsed})
	g.parsed = nil
}

// forget gives up what is under way.
func (g *postgres) forget() { g.cycles, g.pending, g.parsed = nil, nil, nil }

// cstring reads a text that a zero ends, or the copied bytes do.
func cstring(b []byte) (text string, rest []byte) {
	end := bytes.IndexByte(b, 0)
	if end < 0 {
		return string(b), nil
	}
	return string(b[:end]), b[end+1:]
}
