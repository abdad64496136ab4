//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"errors"
	"os"
	"time"
	"unsafe"

	"github.com/cilium/ebpf"
	"github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/tapio/tapio/bpf"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/http1"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/identity"
)

// The kinds of bpf/http.bpf.c.
const (
	kindHTTPData  = uint32(NumberHTTP)<<8 | 1
	kindHTTPClose = uint32(NumberHTTP)<<8 | 2
)

const (
	// maxHTTPConns bounds what is kept of connections to some 16 MB, were all of
	// them in the middle of a head; of most it is a few hundred bytes.
	maxHTTPConns = 8192
	// maxCalls bounds the requests of clients that a server's span may name as
	// its parent.
	maxCalls = 16384
	// maxServed bounds the servers' spans that wait for their client's request,
	// and servedPatience for how long: the thread that sent the request may be
	// held up until after the answer.
	maxServed      = 4096
	servedPatience = 20 * time.Millisecond
	// httpOther is bpf/http.bpf.c's OTHER.
	httpOther = 2
)

// httpProbe makes spans of the exchanges that pass through sockets.
type httpProbe struct {
	losses
	config   *HTTPConfig
	programs *Programs
	conns    *simplelru.LRU[uint64, *httpConn]
	calls    *simplelru.LRU[callID, struct{}]
	served   []served
	taken    httpDurations
}

type httpConn struct {
	http1.Conn
	ends endpoints
	of   *identity.Process
}

// served is a server's exchange whose client was not seen yet.
type served struct {
	exchange *http1.Exchange
	ends     endpoints
	of       *identity.Process
	id       callID
}

func newHTTP(c *HTTPConfig) *httpProbe {
	p := &httpProbe{config: c, taken: newHTTPDurations()}
	var err, err2 error
	p.conns, err = simplelru.NewLRU[uint64, *httpConn](maxHTTPConns, nil)
	p.calls, err2 = simplelru.NewLRU[callID, struct{}](maxCalls, nil)
	if err = errors.Join(err, err2); err != nil {
		panic(err) // a size above zero is never refused
	}
	return p
}

func (*httpProbe) Name() string   { return "http" }
func (*httpProbe) Number() Number { return NumberHTTP }

// Attach implements Probe. One direction without the other makes no spans, so
// they are one feature.
func (p *httpProbe) Attach(k *Kernel) (gaps []Gap) {
	spec, err := bpf.LoadHTTP()
	if err == nil && !p.config.Own {
		err = spec.Variables[bpf.HTTPVarOwnPid].Set(uint32(os.Getpid()))
	}
	if err != nil {
		return []Gap{{Probe: p.Name(), Feature: "all", Reason: Refused, Err: err}}
	}
	p.programs, gaps = k.Load(p.Name(), spec, []Feature{
		{Name: "spans", Ways: [][]string{{bpf.HTTPProgHttpState, bpf.HTTPProgHttpSend, bpf.HTTPProgHttpReceive}}},
	})
	return gaps
}

type httpRecord struct {
	head
	Conn       uint64
	Ends       endpoints
	Seq        uint32
	Length     uint32
	Copied     uint16
	Direction  uint8
	TailLength uint8
	Tail       [8]byte
	_          uint32
}

type httpClose struct {
	head
	Conn uint64
}

// Decode implements Probe.
func (p *httpProbe) Decode(kind uint32, record []byte, out *Batch) error {
	switch kind {
	case kindHTTPData:
		return p.data(record, out)
	case kindHTTPClose:
		return p.close(record, out)
	}
	return errUnknownKind
}

func (p *httpProbe) data(record []byte, out *Batch) error {
	r, err := as[httpRecord](record)
	if err != nil {
		return err
	}
	rest := record[unsafe.Sizeof(*r):]
	if len(rest) < int(r.Copied) || int(r.TailLength) > len(r.Tail) {
		return errShort
	}
	at := out.Clock.Wall(r.Time)
	conn := p.conn(r, at, out)
	done := conn.Take(&http1.Piece{
		Time: at, Sent: r.Direction == 1, Seq: r.Seq, Length: int(r.Length), Data: rest[:r.Copied], Tail: r.Tail[:r.TailLength],
	})
	if !conn.Server {
		for _, e := range conn.Begun() {
			p.calls.Add(callOf(e, &conn.ends, false), struct{}{})
		}
	}
	p.tell(conn, done, out)
	for reason, n := range conn.Failed() {
		p.add(string(reason), n)
	}
	if conn.Opaque() {
		return p.forget(r.Conn)
	}
	return nil
}

// conn finds the connection. The kernel uses an address again for another one,
// and the record of the close may have been lost.
func (p *httpProbe) conn(r *httpRecord, at time.Time, out *Batch) *httpConn {
	conn, ok := p.conns.Get(r.Conn)
	if ok && conn.ends != r.Ends {
		p.tell(conn, conn.Close(at), out)
		ok = false
	}
	if !ok {
		conn = &httpConn{ends: r.Ends}
		if p.conns.Add(r.Conn, conn) {
			p.add(string(http1.Evicted), 1)
		}
	}
	key := identity.KeyAt(r.PID, r.Start)
	if conn.of == nil || conn.of.Key != key {
		conn.of = out.Table.Lookup(key, r.Cgroup)
	}
	return conn
}

func (p *httpProbe) close(record []byte, out *Batch) error {
	r, err := as[httpClose](record)
	if err != nil {
		return err
	}
	conn, ok := p.conns.Peek(r.Conn)
	if !ok {
		return nil
	}
	p.tell(conn, conn.Close(out.Clock.Wall(r.Time)), out)
	p.conns.Remove(r.Conn)
	return nil
}

// forget tells the kernel that the connection speaks no HTTP any more.
func (p *httpProbe) forget(conn uint64) error {
	p.conns.Remove(conn)
	state := struct {
		SentAt, FirstByteAt uint64
		Speech, Tries       uint8
		Copies              [2]uint8
		Carries, Carried    uint8
		Unused              [2]uint8
	}{Speech: httpOther}
	err := p.programs.Maps[bpf.HTTPMapHttpConns].Update(conn, &state, ebpf.UpdateExist)
	if errors.Is(err, ebpf.ErrKeyNotExist) {
		return nil // it is closed already
	}
	return err
}

func (p *httpProbe) tell(conn *httpConn, exchanges []*http1.Exchange, out *Batch) {
	for _, e := range exchanges {
		id := callOf(e, &conn.ends, conn.Server)
		one := served{exchange: e, ends: conn.ends, of: conn.of, id: id}
		if !conn.Server {
			p.span(&one, false, false, out)
			continue
		}
		if seen := p.calls.Contains(id); seen || len(p.served) >= maxServed {
			p.span(&one, true, seen, out)
			continue
		}
		p.served = append(p.served, one)
	}
}

// Settle implements Settler.
func (p *httpProbe) Settle(out *Batch, last bool) {
	kept := p.served[:0]
	for i := range p.served {
		one := &p.served[i]
		seen := p.calls.Contains(one.id)
		if !seen && !last && out.Now.Sub(one.exchange.End) < servedPatience {
			kept = append(kept, *one)
			continue
		}
		p.span(one, true, seen, out)
	}
	clear(p.served[len(kept):])
	p.served = kept
}

// Collect implements Probe.
func (p *httpProbe) Collect(out *Batch) error {
	p.taken.collect(out)
	if p.programs == nil {
		return nil
	}
	full, err := sumPerCPU(p.programs.Maps[bpf.HTTPMapHttpOverflow], 0)
	p.set("connections_map_full", full)
	return err
}
