//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package protocol

import "github.com/tapio/tapio/receiver/ebpfreceiver/internal/identity"

const (
	// maxServings bounds the times that are remembered to some 1 MB: at 8,000 requests a
	// second those of two seconds, which is how much later samples may come.
	maxServings = 16384
	// maxServedThreads bounds the threads of which such times are known.
	maxServedThreads = 2 * maxHopThreads
)

// servingKey is a thread as those know it that do not see the kernel's own clock: its
// process' start is in hundredths of a second.
type servingKey struct {
	thread uint32
	start  uint64
}

// serving is a time in which a thread had one request in hand, from one record of the
// thread to a later one. Both have the same count of unseen reads, so it took in nothing else.
type serving struct {
	of          servingKey
	request     *Inbound
	from, until uint64 // of the kernel's clock
	number      uint64 // of this time, from 1 on
	before      uint64 // the number of the thread's time before; 0 for none
}

// Timeline remembers which request each thread had in hand when, for samples that come
// later and not in the order of the records.
type Timeline struct {
	ring []serving // by number modulo its length
	last uint64    // number
	// latest is the number of the last time of each thread, at the time of its last record.
	latest map[servingKey]threadTimes
}

type threadTimes struct {
	number uint64 // 0 for none
	seen   uint64 // when the thread's last record was made
}

// NewTimeline makes an empty timeline.
func NewTimeline() *Timeline {
	return &Timeline{ring: make([]serving, maxServings), latest: map[servingKey]threadTimes{}}
}

// Keep makes the table of hops remember times of threads; it does not by itself.
func (h *Hops) Keep(t *Timeline) { h.timeline = t }

// Witness takes in a record of a thread: at that time of the kernel's clock it had the
// request in hand that the table of hops knows of, if any. Records of one thread come in
// the order of time.
func (h *Hops) Witness(d *Departure, at uint64) {
	if h.timeline != nil {
		h.timeline.witness(servingKey{d.Thread.ID, identity.KeyAt(d.Thread.ID, d.Thread.Start).Start}, at, h.Serving(d))
	}
}

func (t *Timeline) witness(of servingKey, at uint64, in *Inbound) {
	known, ok := t.latest[of]
	if !ok {
		if in == nil {
			return // threads that serve nothing take no place
		}
		if len(t.latest) >= maxServedThreads {
			t.forgetOld()
		}
	}
	at = max(at, known.seen) // a record may name an earlier time, of bytes that were held
	known.seen = at
	defer func() { t.latest[of] = known }()
	if in == nil {
		return
	}
	if now := t.at(known.number, of); now != nil && now.request == in {
		now.until = at
		return
	}
	t.last++
	t.ring[t.last%uint64(len(t.ring))] = serving{of: of, request: in, from: at, until: at, number: t.last, before: known.number}
	known.number = t.last
}

// at returns a time by its number, nil if it was overwritten.
func (t *Timeline) at(number uint64, of servingKey) *serving {
	s := &t.ring[number%uint64(len(t.ring))]
	if number == 0 || s.number != number || s.of != of {
		return nil
	}
	return s
}

// forgetOld drops the threads whose last time was overwritten, all if there is none.
func (t *Timeline) forgetOld() {
	for of, known := range t.latest {
		if t.at(known.number, of) == nil {
			delete(t.latest, of)
		}
	}
	if len(t.latest) >= maxServedThreads {
		clear(t.latest)
	}
}

// Served returns the request that a thread had in hand at a time of the kernel's clock, nil
// if none is certain. Open reports that a later record of the thread may show it.
func (t *Timeline) Served(thread uint32, start, at uint64) (in *Inbound, open bool) {
	of := servingKey{thread, start}
	known, ok := t.latest[of]
	if !ok {
		return nil, false
	}
	for s := t.at(known.number, of); s != nil; s = t.at(s.before, of) {
		switch {
		case at >= s.from && at <= s.until:
			return s.request, false
		case at > s.until:
			return nil, s.number == known.number && at > known.seen
		}
	}
	return nil, false
}
