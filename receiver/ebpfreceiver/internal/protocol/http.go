//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package protocol

import (
	"errors"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/emit"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/http1"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/identity"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/kernel"
)

const (
	// maxHTTPConns bounds what is kept of connections to some 24 MB, were all of
	// them in the middle of a head; of most it is one or two kilobytes.
	maxHTTPConns = 8192
	// maxCalls bounds the requests of clients that a server's span may name as
	// its parent.
	maxCalls = 8192
	// maxServed bounds the servers' spans that wait for their client's request,
	// and servedPatience for how long: the thread that sent the request may be
	// held up until after the answer.
	maxServed      = 4096
	servedPatience = 20 * time.Millisecond
)

// HTTPProbe makes spans of the exchanges that pass through sockets.
type HTTPProbe struct {
	kernel.Losses
	config  *HTTPConfig
	streams *Streams
	conns   *simplelru.LRU[uint64, *httpConn]
	pool    http1.Pool
	calls   callSet
	served  []served
	taken   httpDurations
	waits   waits
	// anySampled reports that the kernel may have counted exchanges since the last
	// collection.
	anySampled bool
}

// httpConn keeps what spans of one connection have in common.
type httpConn struct {
	conversation[http1.Conn]
	host   string // of the last request, and what follows from it
	target target
	urlFor string // the target of the last URL
	url    string
	labels httpLabels // of the last exchange, and where it was counted
	series *emit.Duration
	// counted is what the kernel counted of the connection, as far as it is in the series;
	// reported how much of it when it last came to rest.
	counted  exchangeCounts
	reported uint64
	sampled  bool // the kernel may count some
	// form is that of the last exchange, formSent the one that the kernel has been given.
	form, formSent exchangeForm
	hasRequest     bool
	formsSent      int
}

// served is an exchange that is complete; one of a server waits for its client's.
type served struct {
	exchange *http1.Exchange
	conn     *httpConn
	of       *identity.Process
	series   *emit.Duration // where it was counted
}

func (s *served) id() callID { return callID(s.exchange.Mark) }

// NewHTTP makes the probe of HTTP/1.x.
func NewHTTP(s *Streams, c *HTTPConfig) *HTTPProbe {
	s.speak(speechHTTP)
	return &HTTPProbe{
		config: s.HTTP, streams: s, conns: emit.NewRecent[uint64, *httpConn](maxHTTPConns), calls: newCallSet(), taken: newHTTPDurations(),
		waits: newWaits("http", c.StalledAfter),
	}
}

// Name implements probe.Probe.
func (*HTTPProbe) Name() string { return "http" }

// Number implements probe.Probe.
func (*HTTPProbe) Number() kernel.Number { return kernel.NumberHTTP }

// Attach implements Probe.
func (p *HTTPProbe) Attach(k *kernel.Kernel) []kernel.Gap { return p.streams.attach(k, p.Name()) }

// Decode implements Probe.
func (p *HTTPProbe) Decode(kind uint32, record []byte, out *emit.Batch) error {
	switch kind & 0xff {
	case streamData:
		return p.data(record, out)
	case streamClose:
		return p.close(record, out)
	case streamRest:
		return p.rest(record, out)
	}
	return kernel.ErrUnknownKind
}

func (p *HTTPProbe) data(record []byte, out *emit.Batch) error {
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
	speaker := &conn.speaker
	done := speaker.Take(&piece)
	if len(done) > 0 && speaker.Server {
		conn.serves(out)
	}
	for _, e := range speaker.Begun() {
		id := callOf(&conn.ends, speaker.Server, e.Seq, e.Request.Method, e.Request.Target)
		e.Mark, e.Shift = id, r.Shift
		if r.Shift > 0 {
			conn.sampled, p.anySampled = true, true
		}
		if !speaker.Server {
			p.calls.add(id[0])
			e.Ignored = conn.exports(&e.Request, out)
		}
	}
	p.hop(r, conn, out)
	p.report(conn, done, out)
	p.fail(conn)
	if err := p.learnForm(conn, r.Conn, &piece, speaker.Begun()); err != nil {
		return err
	}
	if speaker.Opaque() {
		p.streams.Hops.close(r.Conn)
		p.conns.Remove(r.Conn)
		return p.streams.forget(r.Conn)
	}
	return nil
}

// conn finds the connection; another one under its name means that the record of
// the close was lost.
func (p *HTTPProbe) conn(r *streamRecord, out *emit.Batch) *httpConn {
	conn, ok := p.conns.Get(r.Conn)
	if ok && conn.ends != r.Ends {
		conn.speaker.Lose()
		p.streams.Hops.close(r.Conn)
		p.fail(conn)
		ok = false
	}
	if !ok {
		conn = &httpConn{conversation: *newConversation(r, http1.Conn{Pool: &p.pool})}
		if p.conns.Add(r.Conn, conn) {
			p.Add(string(http1.Evicted), 1)
		}
	}
	conn.identify(r, out)
	return conn
}

func (p *HTTPProbe) close(record []byte, out *emit.Batch) error {
	r, err := kernel.As[streamCloseRecord](record)
	if err != nil {
		return err
	}
	p.streams.Hops.close(r.Conn)
	conn, ok := p.conns.Peek(r.Conn)
	if !ok {
		return nil
	}
	end := r.end(out.Clock)
	p.report(conn, conn.speaker.Close(&end), out)
	p.fail(conn)
	p.conns.Remove(r.Conn)
	return p.settleCounts(r.Conn, conn, out)
}

// fail counts what of the connection could not be parsed.
func (p *HTTPProbe) fail(conn *httpConn) {
	for reason, n := range conn.speaker.Failed() {
		p.Add(string(reason), n)
	}
}

func (p *HTTPProbe) report(conn *httpConn, exchanges []*http1.Exchange, out *emit.Batch) {
	for _, e := range exchanges {
		if e.Ignored {
			p.pool.Put(e)
			continue
		}
		one := served{exchange: e, conn: conn, of: conn.of}
		one.series = p.taken.count(&one)
		if !conn.speaker.Server {
			p.span(&one, false, out)
			continue
		}
		if seen := p.calls.contains(e.Mark[0]); seen || len(p.served) >= maxServed {
			p.span(&one, seen, out)
			continue
		}
		p.served = append(p.served, one)
	}
}

// Settle implements Settler.
func (p *HTTPProbe) Settle(out *emit.Batch, last bool) {
	kept := p.served[:0]
	for i := range p.served {
		one := &p.served[i]
		seen := p.calls.contains(one.exchange.Mark[0])
		if !seen && !last && out.Now.Sub(one.exchange.End) < servedPatience {
			kept = append(kept, *one)
			continue
		}
		p.span(one, seen, out)
	}
	clear(p.served[len(kept):])
	p.served = kept
}

// Collect implements Probe.
func (p *HTTPProbe) Collect(out *emit.Batch) error {
	err := p.creditAll(out)
	p.taken.collect(out)
	p.wait(out)
	return errors.Join(err, p.streams.missed(&p.Losses))
}
