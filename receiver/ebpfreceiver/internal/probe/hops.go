//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
	"go.opentelemetry.io/collector/pdata/pcommon"
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

// hops finds the request that a thread was answering when it sent another one. It
// knows that only of a thread with one request in hand, which has read nothing else
// since it was idle.
type hops struct {
	threads   *simplelru.LRU[threadKey, *hopThread]
	conns     *simplelru.LRU[uint64, *hopConn]
	parents   *simplelru.LRU[uint64, hop]
	processes *simplelru.LRU[threadKey, processWays]
	waysOf    func(pid uint32, name string) threading
}

// threadKey is a thread, or a process by its first thread.
type threadKey struct {
	id    uint32
	start uint64
}

// hopThread is what a thread has in hand.
type hopThread struct {
	open map[*hopConn]struct{}
	// never reports that nothing the thread sends is certain any more.
	never bool
	// current is the only request in hand, if it is certain that there is no other.
	current  *inbound
	currents *hopConn // where it came from
}

// hopConn is a connection over which requests come in.
type hopConn struct {
	threads []*hopThread // that have read requests of it without an answer
	reader  uint32
	// unknown reports bytes that are no request that the receiver knows of.
	unknown bool
}

// inbound is a request that a process answers.
type inbound struct {
	mark   callID
	header traceContext
	unseen uint32
}

// hop says on behalf of which request another one was sent.
type hop struct {
	parent callID
	header traceContext // of the parent
	// linked reports that the other end may be watched by another receiver, which cannot
	// know of the parent: the trace stays the one that both ends come to.
	linked bool
}

// traceContext is that of a traceparent header.
type traceContext struct {
	trace pcommon.TraceID
	span  pcommon.SpanID
	flags byte
	ok    bool
}

func contextOf(header string) (c traceContext) {
	c.trace, c.span, c.flags, c.ok = parseTraceparent(header)
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

func newHops() *hops {
	return &hops{
		threads: newRecent[threadKey, *hopThread](maxHopThreads), conns: newRecent[uint64, *hopConn](maxHopConns),
		parents: newRecent[uint64, hop](maxHopParents), processes: newRecent[threadKey, processWays](maxHopThreads),
		waysOf: threadingOf,
	}
}

// arrival is a record of the side that answers.
type arrival struct {
	conn     uint64
	thread   threadKey
	received bool
	// begun is the request that the record began, if it is the only one.
	begun *inbound
	// pending counts the requests of the connection without a complete response.
	pending int
}

// serve takes in a record of a connection over which requests come in.
func (h *hops) serve(a *arrival) {
	conn, ok := h.conns.Get(a.conn)
	if !ok {
		conn = &hopConn{}
		h.conns.Add(a.conn, conn)
	}
	if !a.received {
		if conn.reader != 0 && conn.reader != a.thread.id {
			conn.loseCurrent() // another thread answers
		}
		if a.pending == 0 && !conn.unknown {
			conn.release()
		}
		return
	}
	t := h.threadOf(a.thread)
	conn.reader = a.thread.id
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

func (h *hops) threadOf(key threadKey) *hopThread {
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
func (h *hops) close(conn uint64) {
	if c, ok := h.conns.Peek(conn); ok {
		c.release()
		h.conns.Remove(conn)
	}
}

// departure is a record that sends a request.
type departure struct {
	mark    callID
	process threadKey
	name    string // of the executable
	thread  threadKey
	unseen  uint32
	header  traceContext
	// here reports that the other end is on this host.
	here bool
	now  time.Time
}

// send notes on behalf of which request the one of the record is sent, if that is certain.
func (h *hops) send(d *departure) {
	t := h.threadOf(d.thread)
	if d.name == nginx && len(t.open) == 0 {
		t.never = true // it does send requests of its own
	}
	in := t.inHand(d.unseen)
	if in == nil {
		return
	}
	unchanged := d.header.ok && d.header == in.header
	if d.header.ok && !unchanged {
		return // the application says what its parent is
	}
	if !h.handlesOne(d) {
		return
	}
	h.parents.Add(d.mark[0], hop{parent: in.mark, header: in.header, linked: !d.here && !unchanged})
}

func (h *hops) threading(d *departure) threading {
	known, ok := h.processes.Get(d.process)
	if !ok || d.now.After(known.until) {
		known = processWays{h.waysOf(d.process.id, d.name), d.now.Add(time.Second)}
		h.processes.Add(d.process, known)
	}
	return known.threading
}

// traceOf returns the trace of a request, by what asked for it.
func (h *hops) traceOf(mark callID, header traceContext) traceContext {
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
	return traceContext{trace: mark.trace()}
}

// forget drops all.
func (h *hops) forget() {
	h.threads.Purge()
	h.conns.Purge()
	h.parents.Purge()
}
