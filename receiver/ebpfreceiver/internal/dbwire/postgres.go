// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package dbwire

import (
	"bytes"
	"encoding/binary"
	"strings"
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
	// cycles are the calls between two points at which the server reports that it is
	// ready, the eldest first.
	cycles []cycle
	// parsed is what was prepared since the last such point: an error may be of it.
	parsed *Call
	awaits bool // an answer of one byte, of TLS or not
	blind  bool // the end of the answers was not copied
	asked  spot // the place of the answers at the piece of the client
	now    time.Time
}

// statement is what is kept of one.
type statement struct{ operation, text string }

type cycle struct {
	calls  int
	parsed *Call
	// connect is the wish to connect that the server answers.
	connect *Call
}

// NewPostgreSQL follows a connection to PostgreSQL.
func NewPostgreSQL(withText bool) Conn {
	return &postgres{withText: withText, statements: map[string]statement{}, portals: map[string]statement{}}
}

// Take implements Conn.
func (g *postgres) Take(p *Piece) []*Call {
	how := g.arrive(p)
	if !g.known {
		g.known, g.server, g.exact = true, !p.Sent, p.First
		if p.AskedKnown {
			g.server = !p.Asked
		}
		g.front.startup, g.front.broken = isStartup(p.Data), !p.First
	}
	g.now = p.Time
	switch {
	case how == outdated:
	case p.Sent == g.server:
		g.takeBack(p, how)
	default:
		g.takeFront(p, how)
	}
	return g.done
}

func isStartup(b []byte) bool {
	return len(b) >= 8 && b[0] == 0 && binary.BigEndian.Uint32(b[4:]) >= protocol3
}

func (g *postgres) takeFront(p *Piece, how arrival) {
	m := &g.front
	g.turns.Question(p.Time)
	g.catchUp()
	if how == afterGap {
		g.loseFront(Gap)
	}
	if (m.broken || !g.exact) && !g.resume(p) {
		return
	}
	if len(g.cycles) == 0 && len(g.pending) == 0 {
		g.turns.Balance()
	}
	m.place, g.asked = p.Seq, spotOf(p)
	if !m.feed(p, g.fromFront) {
		g.loseFront(whyOf(p))
	}
}

// loseFront discards what the client sends until a message begins for certain.
func (g *postgres) loseFront(why Reason) {
	g.loseQuestions(why)
	g.front.broken = true
	g.forget()
}

// forget drops the prepared statements: what was not seen may have replaced them.
func (g *postgres) forget() {
	clear(g.statements)
	clear(g.portals)
	g.parsed = nil
}

// resume begins again at a piece that begins with a message, where nothing can be
// under way.
func (g *postgres) resume(p *Piece) bool {
	m := &g.front
	switch {
	case !m.mayBegin(p.Data):
	case len(g.cycles) == 0 && g.restart(p):
		m.reset()
		g.back.reset()
		g.parsed, g.blind = nil, false
		return true
	default:
		g.fail(Unpaired, 1)
	}
	m.broken = true
	g.turns.Lose()
	g.forget()
	return false
}

// catchUp gives up the calls whose answers were not copied to their end: they may
// have failed there.
func (g *postgres) catchUp() {
	if g.blind {
		g.loseBack(Gap, false)
	}
}

// loseBack gives up what is under way.
func (g *postgres) loseBack(why Reason, missing bool) {
	g.loseAnswers(why, missing)
	g.cycles, g.parsed, g.blind = nil, nil, false
	g.back.broken = true
}

// Lose implements Conn.
func (g *postgres) Lose() {
	g.loseFront(Gap)
	if len(g.cycles) > 0 || len(g.pending) > 0 {
		g.loseBack(Gap, true)
	}
}

// Close implements Conn.
func (g *postgres) Close(end *End) []*Call { return g.closing(end, g.blind) }

// fromFront reads what a client says; of the body there may be less than it is long.
func (g *postgres) fromFront(kind byte, body []byte, place uint32) {
	switch kind {
	case 0:
		g.start(body, place)
	case 'Q':
		text, rest := cstring(body)
		g.ask(g.newStatement(text, rest != nil), place)
		g.endCycle()
	case 'P':
		name, rest := cstring(body)
		text, rest := cstring(rest)
		g.prepare(name, g.newStatement(text, rest != nil), place)
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

func (g *postgres) start(body []byte, place uint32) {
	if len(body) < 4 {
		return
	}
	switch code := binary.BigEndian.Uint32(body); code {
	case sslRequest, gssRequest:
		g.awaits = true
	case cancelRequest:
		g.opaque = true
	default:
		g.startup(body[4:], place)
	}
}

func (g *postgres) startup(parameters []byte, place uint32) {
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
	c := g.call(statement{operation: Connect}, place)
	g.turns.Ask(len(g.cycles))
	g.cycles = append(g.cycles, cycle{connect: c})
}

// ask begins a call; the cycle is the one that the next Sync ends.
func (g *postgres) ask(s statement, place uint32) {
	if !g.begin(g.call(s, place)) && g.exact {
		g.loseBack(Crowded, false)
	}
	if !g.exact {
		g.cycles, g.back.broken = nil, true
	}
}

// newStatement reads a text, whole or as much of it as was copied.
func (g *postgres) newStatement(text string, whole bool) statement {
	s := statement{operation: operationOf(text)}
	if !whole && strings.HasSuffix(strings.ToUpper(text), s.operation) {
		s.operation = "_OTHER" // the word may go on
	}
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
	return &Call{Operation: s.operation, Text: s.text, Namespace: g.namespace, Seq: place, Start: g.now, answers: g.asked}
}

func (g *postgres) prepare(name string, s statement, place uint32) {
	keep(g.statements, name, s)
	g.parsed = g.call(s, place)
	g.parsed.Lost = !g.turns.Certain()
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
	if !g.exact {
		return
	}
	waiting := 0
	for _, c := range g.cycles {
		waiting += c.calls
	}
	if len(g.cycles) >= maxPending {
		g.loseBack(Crowded, false)
		return
	}
	calls := max(0, len(g.pending)-waiting)
	if calls == 0 {
		g.turns.Ask(len(g.cycles))
	}
	g.cycles = append(g.cycles, cycle{calls: calls, parsed: g.parsed})
	g.parsed = nil
}

// cstring reads a text that a zero ends, or the copied bytes do.
func cstring(b []byte) (text string, rest []byte) {
	end := bytes.IndexByte(b, 0)
	if end < 0 {
		return string(b), nil
	}
	return string(b[:end]), b[end+1:]
}
