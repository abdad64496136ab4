//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package protocol

import (
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/emit"
)

const (
	// maxHopThreads, maxHopConns and maxHopParents bound what is kept to some 5 MB.
	maxHopThreads = 4096
	maxHopConns   = 8192
	maxHopParents = 8192
	// maxHopOpen is above what one thread answers at a time; beyond it nothing is joined.
	maxHopOpen = 256
	// maxHopDepth bounds the requests in a row on one host.
	maxHopDepth = 32
)

// Hops finds the request that a thread was answering when it sent another one. It
// knows that only of a thread with one request in hand, which has read nothing else
// since it was idle.
type Hops struct {
	threads   *simplelru.LRU[ThreadKey, *hopThread]
	conns     *simplelru.LRU[uint64, *hopConn]
	parents   *simplelru.LRU[uint64, hop]
	processes *simplelru.LRU[ThreadKey, processWays]
	waysOf    func(pid uint32, name string) threading
	timeline  *Timeline // nil if no one asks for it
}

// ThreadKey is a thread, or a process by its first thread.
type ThreadKey struct {
	ID    uint32
	Start uint64
}

// hopThread is what a thread has in hand.
type hopThread struct {
	open map[*hopConn]struct{}
	// never reports that nothing the thread sends is certain any more.
	never bool
	// current is the only request in hand, if it is certain that there is no other.
	current  *Inbound
	currents *hopConn // where it came from
}

// hopConn is a connection over which requests come in.
type hopConn struct {
	threads []*hopThread // that have read requests of it without an answer
	reader  uint32
	// unknown reports bytes that are no request that the receiver knows of.
	unknown bool
}

// Inbound is a request that a process answers.
type Inbound struct {
	Mark   callID
	Header TraceContext
	unseen uint32
	// database reports that it is a call to a database. What that sends on, to replicas or
	// other databases, is not joined to it.
	database bool
}

// hop says on behalf of which request another one was sent.
type hop struct {
	parent callID
	header TraceContext // of the parent
	// linked reports that the other end may be watched by another receiver, which cannot
	// know of the parent: the trace stays the one that both ends come to.
	linked bool
}

// TraceContext is that of a traceparent header.
type TraceContext struct {
	Trace pcommon.TraceID
	span  pcommon.SpanID
	flags byte
	ok    bool
}

func contextOf(header string) (c TraceContext) {
	c.Trace, c.span, c.flags, c.ok = parseTraceparent(header)
	return c
}

// threading is how a process uses its threads.
type threading uint8

const (
	// interleaving: a thread may leave a request for another one at any time.
	interleaving threading = iota
	// sequential: a thread handles what it has read before it reads anything else.
	sequential
	// requestsOnly: an event loop that sends requests only for those it has received.
	requestsOnly
)

type processWays struct {
	threading threading
	until     time.Time
}

// NewHops makes an empty table of hops.
func NewHops() *Hops {
	return &Hops{
		threads: emit.NewRecent[ThreadKey, *hopThread](maxHopThreads), conns: emit.NewRecent[uint64, *hopConn](maxHopConns),
		parents: emit.NewRecent[uint64, hop](maxHopParents), processes: emit.NewRecent[ThreadKey, processWays](maxHopThreads),
		waysOf: threadingOf,
	}
}

// arrival is a record of the side that answers.
type arrival struct {
	conn     uint64
	thread   ThreadKey
	received bool
	// begun is the request that the record began, if it is the only one.
	begun *Inbound
	// pending counts the requests of the connection without a complete response.
	pending int
}

// serve takes in a record of a connection over which requests come in.
func (h *Hops) serve(a *arrival) {
	conn, ok := h.conns.Get(a.conn)
	if !ok {
		conn = &hopConn{}
		h.conns.Add(a.conn, conn)
	}
	if !a.received {
		if conn.reader != 0 && conn.reader != a.thread.ID {
			conn.loseCurrent() // another thread answers
		}
		if a.pending == 0 && !conn.unknown {
			conn.release()
		}
		return
	}
	t := h.threadOf(a.thread)
	conn.reader = a.thread.ID
	continues := t.currents == conn && t.current != nil && a.begun == nil && a.pending == 1
	if continues {
		return
	}
	conn.unknown = a.begun == nil && (a.pending == 0 || conn.unknown)
	idle := len(t.open) == 0 && len(conn.threads) == 0 && !t.never
	t.take(conn)
	t.current, t.currents = nil, nil
	if idle && a.begun != nil && a.pending == 1 {
		t.current, t.currents = a.begun, conn
	}
}

func (h *Hops) threadOf(key ThreadKey) *hopThread {
	t, ok := h.threads.Get(key)
	if !ok {
		t = &hopThread{open: map[*hopConn]struct{}{}}
		h.threads.Add(key, t)
	}
	return t
}

func (t *hopThread) take(conn *hopConn) {
	if _, ok := t.open[conn]; ok {
		return
	}
	if len(t.open) >= maxHopOpen {
		t.never = true
		return
	}
	t.open[conn] = struct{}{}
	conn.threads = append(conn.threads, t)
	if len(conn.threads) > 1 {
		conn.loseCurrent()
	}
}

func (c *hopConn) loseCurrent() {
	for _, t := range c.threads {
		t.current, t.currents = nil, nil
	}
}

// release takes what the connection asked for out of the hands of its threads.
func (c *hopConn) release() {
	for _, t := range c.threads {
		delete(t.open, c)
		if t.currents == c {
			t.current, t.currents = nil, nil
		}
	}
	c.threads = c.threads[:0]
}

// close takes in that a connection has ended, or is none over which requests come in.
func (h *Hops) close(conn uint64) {
	if c, ok := h.conns.Peek(conn); ok {
		c.release()
		h.conns.Remove(conn)
	}
}

// Departure is a record that sends a request.
type Departure struct {
	mark    callID
	Process ThreadKey
	Name    string // of the executable
	Thread  ThreadKey
	Unseen  uint32
	header  TraceContext
	// here reports that the other end is on this host.
	here bool
	Now  time.Time
}

// send notes on behalf of which request the one of the record is sent, if that is certain.
func (h *Hops) send(d *Departure) {
	t := h.threadOf(d.Thread)
	if d.Name == nginx && len(t.open) == 0 {
		t.never = true // it does send requests of its own
	}
	in := t.inHand(d.Unseen)
	if in == nil || in.database {
		return
	}
	unchanged := d.header.ok && d.header == in.Header
	if d.header.ok && !unchanged {
		return // the application reports what its parent is
	}
	if !h.handlesOne(d) {
		return
	}
	h.parents.Add(d.mark[0], hop{parent: in.Mark, header: in.Header, linked: !d.here && !unchanged})
}

func (h *Hops) threading(d *Departure) threading {
	known, ok := h.processes.Get(d.Process)
	if !ok || d.Now.After(known.until) {
		known = processWays{h.waysOf(d.Process.ID, d.Name), d.Now.Add(time.Second)}
		h.processes.Add(d.Process, known)
	}
	return known.threading
}

// TraceOf returns the trace of a request, by what asked for it.
func (h *Hops) TraceOf(mark callID, header TraceContext) TraceContext {
	for range maxHopDepth {
		if header.ok {
			return header
		}
		up, ok := h.parents.Peek(mark[0])
		if !ok || up.linked {
			break
		}
		mark, header = up.parent, up.header
	}
	return TraceContext{Trace: mark.trace()}
}

// forget drops all.
func (h *Hops) forget() {
	h.threads.Purge()
	h.conns.Purge()
	h.parents.Purge()
	if h.timeline != nil {
		*h.timeline = *NewTimeline()
	}
}
