//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/dbwire"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/identity"
)

// maxDatabaseConns bounds what is kept of connections to a database: some 2 KB
// each, and up to 64 KB where texts of prepared statements are told.
const maxDatabaseConns = 1024

// databaseProbe makes spans of the calls to one kind of database.
type databaseProbe struct {
	losses
	name    string
	number  Number
	open    func() dbwire.Conn
	streams *streams
	conns   *simplelru.LRU[uint64, *databaseConn]
	calls   callSet
	waiting []databaseCall // servers' calls whose client was not seen yet
	taken   durations[databaseLabels]
	waits   waits
}

type databaseConn = conversation[dbwire.Conn]

type databaseCall struct {
	*dbwire.Call
	conn *databaseConn
	of   *identity.Process
}

func newRedis(s *streams, c *DatabaseConfig) *databaseProbe {
	s.speak(speechRedis)
	return newDatabase("redis", NumberRedis, s, c, func() dbwire.Conn { return dbwire.NewRedis(c.QueryText) })
}

func newPostgreSQL(s *streams, c *DatabaseConfig) *databaseProbe {
	s.speak(speechPostgreSQL)
	return newDatabase("postgresql", NumberPostgreSQL, s, c, func() dbwire.Conn { return dbwire.NewPostgreSQL(c.QueryText) })
}

func newDatabase(name string, n Number, s *streams, c *DatabaseConfig, open func() dbwire.Conn) *databaseProbe {
	return &databaseProbe{
		name: name, number: n, open: open, streams: s,
		conns: newRecent[uint64, *databaseConn](maxDatabaseConns), calls: newCallSet(), taken: newDatabaseDurations(name),
		waits: newWaits(name, c.StalledAfter),
	}
}

func (p *databaseProbe) Name() string   { return p.name }
func (p *databaseProbe) Number() Number { return p.number }

// Attach implements Probe.
func (p *databaseProbe) Attach(k *Kernel) []Gap { return p.streams.attach(k, p.name) }

// Decode implements Probe.
func (p *databaseProbe) Decode(kind uint32, record []byte, out *Batch) error {
	switch kind & 0xff {
	case streamData:
		return p.data(record, out)
	case streamClose:
		return p.close(record, out)
	}
	return errUnknownKind
}

func (p *databaseProbe) data(record []byte, out *Batch) error {
	r, err := as[streamRecord](record)
	if err != nil {
		return err
	}
	at := out.Clock.Wall(r.Time)
	piece, err := r.piece(record, at)
	if err != nil {
		return err
	}
	conn := p.conn(r, out)
	done := conn.speaker.Take(&piece)
	server := conn.speaker.Server()
	if len(done) > 0 && server {
		conn.serves(out)
	}
	for _, c := range conn.speaker.Begun() {
		c.Mark = callOf(&conn.ends, server, c.Seq, p.name, c.Operation)
		if !server {
			p.calls.add(c.Mark[0])
		}
	}
	p.hop(r, conn, out)
	p.tell(conn, done, out)
	p.fail(conn)
	if conn.speaker.Opaque() {
		p.streams.hops.close(r.Conn)
		p.conns.Remove(r.Conn)
		if conn.speaker.Encrypts() {
			return p.streams.decideAnew(r.Conn)
		}
		return p.streams.forget(r.Conn)
	}
	return nil
}

// conn finds the connection; another one under its name means that the record of
// the close was lost.
func (p *databaseProbe) conn(r *streamRecord, out *Batch) *databaseConn {
	conn, ok := p.conns.Get(r.Conn)
	if ok && conn.ends != r.Ends {
		conn.speaker.Lose()
		p.streams.hops.close(r.Conn)
		p.fail(conn)
		ok = false
	}
	if !ok {
		conn = newConversation(r, p.open())
		if p.conns.Add(r.Conn, conn) {
			p.add("connections_full", 1)
		}
	}
	conn.identify(r, out)
	return conn
}

func (p *databaseProbe) close(record []byte, out *Batch) error {
	r, err := as[streamCloseRecord](record)
	if err != nil {
		return err
	}
	p.streams.hops.close(r.Conn)
	if conn, ok := p.conns.Peek(r.Conn); ok {
		end := r.end(out.Clock)
		p.tell(conn, conn.speaker.Close(&end), out)
		p.fail(conn)
		p.conns.Remove(r.Conn)
	}
	return nil
}

// fail counts what of the connection could not be read.
func (p *databaseProbe) fail(conn *databaseConn) {
	for reason, n := range conn.speaker.Failed() {
		p.add(string(reason), n)
	}
}

func (p *databaseProbe) tell(conn *databaseConn, calls []*dbwire.Call, out *Batch) {
	for _, c := range calls {
		one := databaseCall{Call: c, conn: conn, of: conn.of}
		seen := p.calls.contains(c.Mark[0])
		if !conn.speaker.Server() || seen || len(p.waiting) >= maxServed {
			p.span(&one, seen, out)
			continue
		}
		p.waiting = append(p.waiting, one)
	}
}

// Settle implements Settler.
func (p *databaseProbe) Settle(out *Batch, last bool) {
	kept := p.waiting[:0]
	for i := range p.waiting {
		one := &p.waiting[i]
		seen := p.calls.contains(one.Mark[0])
		if !seen && !last && out.Now.Sub(one.End) < servedPatience {
			kept = append(kept, *one)
			continue
		}
		p.span(one, seen, out)
	}
	clear(p.waiting[len(kept):])
	p.waiting = kept
}

// Collect implements Probe.
func (p *databaseProbe) Collect(out *Batch) error {
	p.taken.collect(out)
	p.wait(out)
	return p.streams.missed(&p.losses)
}
