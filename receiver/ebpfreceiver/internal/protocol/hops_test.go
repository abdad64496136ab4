//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package protocol

import (
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"golang.org/x/sys/unix"
)

// hopModel is a process with one thread. It reads requests in any order, some unseen,
// and sends others on behalf of those in hand.
type hopModel struct {
	hops    *Hops
	random  *rand.Rand
	thread  ThreadKey
	unseen  uint32
	marks   uint64
	hidden  int
	inHand  []modelRequest
	joined  int
	sampled int
}

type modelRequest struct {
	conn uint64
	mark callID
}

func newHopModel(seed uint64, how threading) *hopModel {
	h := NewHops()
	h.waysOf = func(uint32, string) threading { return how }
	return &hopModel{hops: h, random: rand.New(rand.NewPCG(seed, 1)), thread: ThreadKey{7, 1}}
}

func (m *hopModel) mark() callID {
	m.marks++
	return callID{m.marks, m.marks, m.marks, m.marks}
}

func (m *hopModel) read() {
	request := modelRequest{conn: m.random.Uint64(), mark: m.mark()}
	m.inHand = append(m.inHand, request)
	m.hops.serve(&arrival{
		conn: request.conn, thread: m.thread, received: true, pending: 1, begun: &Inbound{Mark: request.mark, unseen: m.unseen},
	})
}

func (m *hopModel) answer() {
	i := m.random.IntN(len(m.inHand))
	m.hops.serve(&arrival{conn: m.inHand[i].conn, thread: m.thread})
	if m.random.IntN(4) == 0 {
		m.hops.close(m.inHand[i].conn)
	}
	m.inHand = append(m.inHand[:i], m.inHand[i+1:]...)
}

// send sends a request for one of those in hand, or for one that was not seen.
func (m *hopModel) send(t *testing.T) {
	var of callID
	if i := m.random.IntN(len(m.inHand) + m.hidden); i < len(m.inHand) {
		of = m.inHand[i].mark
	}
	mark := m.mark()
	if in := m.hops.Serving(&Departure{Thread: m.thread, Process: m.thread, Unseen: m.unseen}); in != nil {
		m.sampled++
		require.Equal(t, of, in.Mark, "a sample is linked to another request")
	}
	m.hops.send(&Departure{mark: mark, Thread: m.thread, Process: m.thread, Unseen: m.unseen, here: true})
	if got, ok := m.hops.parents.Peek(mark[0]); ok {
		m.joined++
		require.Equal(t, of, got.parent, "joined to another request")
	}
}

// In whatever order an event loop reads, sends and answers, no request is joined to
// one that it was not sent for.
func TestHopsAreNeverJoinedWrongly(t *testing.T) {
	joined, sampled := 0, 0
	for seed := range uint64(300) {
		m := newHopModel(seed, requestsOnly)
		for range 200 {
			switch n := m.random.IntN(100); {
			case n < 30 && len(m.inHand) < 3:
				m.read()
			case n < 31 && seed%2 == 0:
				m.unseen++
				m.hidden++
			case n < 65 && len(m.inHand) > 0:
				m.answer()
			case len(m.inHand)+m.hidden > 0:
				m.send(t)
			}
		}
		joined += m.joined
		sampled += m.sampled
	}
	assert.Greater(t, joined, 1000, "the model joins what is certain")
	assert.Greater(t, sampled, 1000, "and links samples likewise")
}

func TestHopIsJoinedOnlyToTheRequestInHand(t *testing.T) {
	thread, other := ThreadKey{7, 1}, ThreadKey{8, 1}
	in := func(mark uint64) *Inbound { return &Inbound{Mark: callID{mark}} }
	for _, test := range []struct {
		name   string
		does   func(h *Hops)
		from   ThreadKey
		how    threading
		joined bool
	}{
		{"one request in hand", func(*Hops) {}, thread, sequential, true},
		{"another thread", func(*Hops) {}, other, sequential, false},
		{"an event loop", func(*Hops) {}, thread, interleaving, false},
		{"answered", func(h *Hops) { h.serve(&arrival{conn: 1, thread: thread}) }, thread, sequential, false},
		{"closed", func(h *Hops) { h.close(1) }, thread, sequential, false},
		{"answered by another thread", func(h *Hops) { h.serve(&arrival{conn: 1, thread: other, pending: 1}) }, thread, sequential, false},
		{"read on by another thread", func(h *Hops) {
			h.serve(&arrival{conn: 1, thread: other, received: true, pending: 1})
		}, thread, sequential, false},
		{"the rest of the request", func(h *Hops) {
			h.serve(&arrival{conn: 1, thread: thread, received: true, pending: 1})
		}, thread, sequential, true},
		{"two requests, one of them answered", func(h *Hops) {
			h.serve(&arrival{conn: 2, thread: thread, received: true, pending: 1, begun: in(2)})
			h.serve(&arrival{conn: 2, thread: thread})
		}, thread, sequential, false},
		{"two requests, the first of them answered", func(h *Hops) {
			h.serve(&arrival{conn: 2, thread: thread, received: true, pending: 1, begun: in(2)})
			h.serve(&arrival{conn: 1, thread: thread})
		}, thread, sequential, false},
		{"a read that was not seen before it was idle", func(h *Hops) {
			h.serve(&arrival{conn: 1, thread: thread})
			h.serve(&arrival{conn: 1, thread: thread, received: true, pending: 1, begun: &Inbound{Mark: callID{2}, unseen: 1}})
		}, thread, sequential, false},
		{"bytes that are no request", func(h *Hops) { h.serve(&arrival{conn: 2, thread: thread, received: true}) }, thread, sequential, false},
		{"a second request of the pipeline", func(h *Hops) {
			h.serve(&arrival{conn: 1, thread: thread, received: true, pending: 2, begun: in(2)})
		}, thread, sequential, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := NewHops()
			h.waysOf = func(uint32, string) threading { return test.how }
			h.serve(&arrival{conn: 1, thread: thread, received: true, pending: 1, begun: in(1)})
			test.does(h)
			h.send(&Departure{mark: callID{9}, Thread: test.from, here: true})
			assert.Equal(t, test.joined, h.parents.Contains(9))
		})
	}
}

func TestHopsOfAnNginxWithRequestsOfItsOwnAreNotJoined(t *testing.T) {
	thread := ThreadKey{7, 1}
	h := NewHops()
	send := func(mark uint64) bool {
		h.serve(&arrival{conn: 1, thread: thread, received: true, pending: 1, begun: &Inbound{Mark: callID{mark}}})
		h.send(&Departure{mark: callID{mark + 1}, Thread: thread, Name: nginx, here: true})
		h.serve(&arrival{conn: 1, thread: thread})
		return h.parents.Contains(mark + 1)
	}
	assert.True(t, send(1))
	h.send(&Departure{mark: callID{3}, Thread: thread, Name: nginx, here: true})
	assert.False(t, send(4), "it has sent a request without one in hand")
}

func TestContextOfJoinedSpans(t *testing.T) {
	const header = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	const another = "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01"
	first, second := callID{1, 2, 3, 4}, callID{5, 6, 7, 8}
	for _, test := range []struct {
		name          string
		in, out       string
		here          bool
		trace, parent string
		links         int
	}{
		{"without headers", "", "", true, first.trace().String(), first.Server().String(), 0},
		{"another host", "", "", false, second.trace().String(), "", 1},
		{"passed on", header, header, false, contextOf(header).Trace.String(), first.Server().String(), 0},
		{"not passed on", header, "", true, contextOf(header).Trace.String(), first.Server().String(), 0},
		{"of the application's own", header, another, true, contextOf(another).Trace.String(), contextOf(another).span.String(), 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := NewHops()
			h.waysOf = func(uint32, string) threading { return sequential }
			h.serve(&arrival{
				conn: 1, thread: ThreadKey{7, 1}, received: true, pending: 1, begun: &Inbound{Mark: first, Header: contextOf(test.in)},
			})
			h.send(&Departure{mark: second, Thread: ThreadKey{7, 1}, header: contextOf(test.out), here: test.here})
			client, server := ptrace.NewSpan(), ptrace.NewSpan()
			h.put(client, second, contextOf(test.out), false, true)
			h.put(server, second, contextOf(test.out), true, true)
			assert.Equal(t, test.trace, client.TraceID().String())
			assert.Equal(t, test.parent, client.ParentSpanID().String())
			assert.Equal(t, test.links, client.Links().Len())
			assert.Equal(t, test.trace, server.TraceID().String())
			assert.Equal(t, client.SpanID(), server.ParentSpanID())
		})
	}
}

func TestThreadingOfAProcess(t *testing.T) {
	assert.Equal(t, requestsOnly, threadingOf(uint32(os.Getpid()), nginx))
	assert.Equal(t, interleaving, threadingOf(1<<31, "python3.11"), "no such process")
	loop, err := unix.EpollCreate1(0)
	require.NoError(t, err)
	defer func() { require.NoError(t, unix.Close(loop)) }()
	assert.Equal(t, interleaving, threadingOf(uint32(os.Getpid()), "python3.11"))
}

func TestWaysOfAProcessAreAskedForAgain(t *testing.T) {
	h, how, now := NewHops(), sequential, time.Unix(1, 0)
	h.waysOf = func(uint32, string) threading { return how }
	assert.Equal(t, sequential, h.threading(&Departure{Now: now}))
	how = interleaving
	assert.Equal(t, sequential, h.threading(&Departure{Now: now.Add(time.Second)}))
	assert.Equal(t, interleaving, h.threading(&Departure{Now: now.Add(time.Second + 1)}))
}
