//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package protocol

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// timedModel is a hopModel that notes what was in hand when.
type timedModel struct {
	*hopModel
	now     uint64
	history []inHandAt
}

// inHandAt is what the thread had in hand from a time on.
type inHandAt struct {
	from   uint64
	inHand []modelRequest
	hidden int
}

// record is one that the receiver learns of, with what was in hand before and after.
func (m *timedModel) record(does func()) {
	m.now += 1 + m.random.Uint64N(10)
	d := &Departure{Thread: m.thread, Process: m.thread, Unseen: m.unseen}
	m.hops.Witness(d, m.now)
	does()
	m.hops.Witness(d, m.now)
	m.note()
}

func (m *timedModel) note() {
	m.history = append(m.history, inHandAt{m.now, append([]modelRequest(nil), m.inHand...), m.hidden})
}

// at is what was in hand at a time that is not one of a record.
func (m *timedModel) at(when uint64) (then inHandAt) {
	for _, h := range m.history {
		if h.from <= when {
			then = h
		}
	}
	return then
}

// In whatever order a thread reads and answers, seen or not, a sample that comes later is
// linked to the one request that it had in hand at that time, or to none.
func TestSamplesAreNeverLinkedWrongly(t *testing.T) {
	linked := 0
	for seed := range uint64(200) {
		m := &timedModel{hopModel: newHopModel(seed, requestsOnly)}
		m.hops.Keep(NewTimeline())
		for range 100 {
			switch n := m.random.IntN(100); {
			case n < 35 && len(m.inHand) < 2:
				m.record(m.read)
			case n < 36 && seed%2 == 0:
				m.now += 1 + m.random.Uint64N(10)
				m.unseen++
				m.hidden++
				m.note()
			case n < 70 && len(m.inHand) > 0:
				m.record(m.answer)
			default:
				m.record(func() {}) // the clock found the thread at work
			}
		}
		for when := range m.now + 20 {
			in, open := m.hops.timeline.Served(m.thread.ID, 0, when)
			if in == nil {
				continue
			}
			assert.False(t, open)
			linked++
			before, then := m.at(when-1), m.at(when)
			if before.from == then.from { // else both ends of the record count
				require.Len(t, then.inHand, 1)
				require.Zero(t, then.hidden)
				require.Equal(t, then.inHand[0].mark, in.Mark)
			}
		}
	}
	assert.Greater(t, linked, 10_000)
}

func TestServedTimes(t *testing.T) {
	h := NewHops()
	h.waysOf = func(uint32, string) threading { return sequential }
	h.Keep(NewTimeline())
	thread := ThreadKey{7, 3_000_000_000} // 300 hundredths of a second
	served := func(at uint64) (mark callID, open bool) {
		in, open := h.timeline.Served(7, 300, at)
		if in != nil {
			mark = in.Mark
		}
		return mark, open
	}
	begins := func(mark, at uint64) {
		h.serve(&arrival{conn: 1, thread: thread, received: true, pending: 1, begun: &Inbound{Mark: callID{mark}}})
		h.Witness(&Departure{Thread: thread}, at)
	}
	ends := func(at uint64) {
		h.Witness(&Departure{Thread: thread}, at)
		h.serve(&arrival{conn: 1, thread: thread})
		h.Witness(&Departure{Thread: thread}, at)
	}
	expect := func(at, mark uint64, open bool) {
		t.Helper()
		got, isOpen := served(at)
		assert.Equal(t, callID{mark}, got)
		assert.Equal(t, open, isOpen)
	}
	expect(50, 0, false) // a thread that serves nothing
	begins(1, 100)
	expect(99, 0, false)
	expect(150, 0, true) // a later record may show it
	h.Witness(&Departure{Thread: thread}, 160)
	expect(150, 1, false)
	ends(200)
	expect(180, 1, false)
	expect(201, 0, true)
	begins(2, 300)
	expect(250, 0, false)
	expect(180, 1, false) // the time before is known still
	h.Witness(&Departure{Thread: thread, Unseen: 1}, 400)
	expect(350, 0, false) // it read something meanwhile
	other, _ := h.timeline.Served(8, 300, 180)
	assert.Nil(t, other)
	later, _ := h.timeline.Served(7, 301, 180)
	assert.Nil(t, later, "another process with the same id")
}

// What is remembered is bounded: the oldest times and threads are forgotten.
func TestTimelineIsBounded(t *testing.T) {
	timeline := NewTimeline()
	first, in := servingKey{1, 1}, &Inbound{}
	timeline.witness(first, 5, in)
	for i := range uint64(2 * maxServings) {
		of := servingKey{uint32(2 + i%(maxServedThreads+5)), 1}
		timeline.witness(of, 10+2*i, &Inbound{})
		assert.LessOrEqual(t, len(timeline.latest), maxServedThreads)
	}
	got, open := timeline.Served(1, 1, 5)
	assert.Nil(t, got)
	assert.False(t, open)
	assert.Len(t, timeline.ring, maxServings)
}
