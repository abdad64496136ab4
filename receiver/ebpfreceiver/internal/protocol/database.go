//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package protocol

import (
	"github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/dbwire"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/emit"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/identity"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/kernel"
)

// maxDatabaseConns bounds what is kept of connections to a database: some 2 KB
// each, and up to 64 KB where texts of prepared statements are reported.
const maxDatabaseConns = 1024

// DatabaseProbe makes spans of the calls to one kind of database.
type DatabaseProbe struct {
	kernel.Losses
	name    string
	number  kernel.Number
	open    func() dbwire.Conn
	streams *Streams
	conns   *simplelru.LRU[uint64, *databaseConn]
	calls   callSet
	waiting []databaseCall // servers' calls whose client was not seen yet
	taken   emit.Durations[databaseLabels]
	waits   waits
}

type databaseConn = conversation[dbwire.Conn]

type databaseCall struct {
	*dbwire.Call
	conn *databaseConn
	of   *identity.Process
}

// NewRedis makes the probe of Redis.
func NewRedis(s *Streams, c *DatabaseConfig) *DatabaseProbe {
	s.speak(speechRedis)
	return newDatabase("redis", kernel.NumberRedis, s, c, func() dbwire.Conn { return dbwire.NewRedis(c.QueryText) })
}

// NewPostgreSQL makes the probe of PostgreSQL.
func NewPostgreSQL(s *Streams, c *DatabaseConfig) *DatabaseProbe {
	s.speak(speechPostgreSQL)
	return newDatabase("postgresql", kernel.NumberPostgreSQL, s, c, func() dbwire.Conn { return dbwire.NewPostgreSQL(c.QueryText) })
}

func newDatabase(name string, n kernel.Number, s *Streams, c *DatabaseConfig, open func() dbwire.Conn) *DatabaseProbe {
	return &DatabaseProbe{
		name: name, number: n, open: open, streams: s,
		conns: emit.NewRecent[uint64, *databaseConn](maxDatabaseConns), calls: newCallSet(), taken: newDatabaseDurations(name),
		waits: newWaits(name, c.StalledAfter),
	}
}

// Name implements probe.Probe.
func (p *DatabaseProbe) Name() string { return p.name }

// Number implements probe.Probe.
func (p *DatabaseProbe) Number() kernel.Number { return p.number }

// Attach implements Probe.
func (p *DatabaseProbe) Attach(k *kernel.Kernel) []kernel.Gap { return p.streams.attach(k, p.name) }

// Decode implements Probe.
func (p *DatabaseProbe) Decode(kind uint32, record []byte, out *emit.Batch) error {
	switch kind & 0xff {
	case streamData:
		return p.data(record, out)
	case streamClose:
		return p.close(record, out)
	}
	return kernel.ErrUnknownKind
}

func (p *DatabaseProbe) data(record []byte, out *emit.Batch) error {
	r, err := kernel.As[streamRecord](record)
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
	p.report(conn, done, out)
	p.fail(conn)
	if conn.speaker.Opaque() {
		p.streams.Hops.close(r.Conn)
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
func (p *DatabaseProbe) conn(r *streamRecord, out *emit.Batch) *databaseConn {
	conn, ok := p.conns.Get(r.Conn)
	if ok && conn.ends != r.Ends {
		conn.speaker.Lose()
		p.streams.Hops.close(r.Conn)
		p.fail(conn)
		ok = false
	}
	if !ok {
		conn = newConversation(r, p.open())
		if p.conns.Add(r.Conn, conn) {
			p.Add("connections_full", 1)
		}
	}
	conn.identify(r, out)
	return conn
}

func (p *DatabaseProbe) close(record []byte, out *emit.Batch) error {
	r, err := kernel.As[streamCloseRecord](record)
	if err != nil {
		return err
	}
	p.streams.Hops.close(r.Conn)
	if conn, ok := p.conns.Peek(r.Conn); ok {
		end := r.end(out.Clock)
		p.report(conn, conn.speaker.Close(&end), out)
		p.fail(conn)
		p.conns.Remove(r.Conn)
	}
	return nil
}

// fail counts what of the connection could not be read.
func (p *DatabaseProbe) fail(conn *databaseConn) {
	for reason, n := range conn.speaker.Failed() {
		p.Add(string(reason), n)
	}
}

func (p *DatabaseProbe) report(conn *databaseConn, calls []*dbwire.Call, out *emit.Batch) {
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
func (p *DatabaseProbe) Settle(out *emit.Batch, last bool) {
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
func (p *DatabaseProbe) Collect(out *emit.Batch) error {
	p.taken.Collect(out)
	p.wait(out)
	return p.streams.missed(&p.Losses)
}
