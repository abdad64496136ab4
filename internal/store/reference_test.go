// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/model"
)

// reference is what a store must return, kept as plainly as can be: every row that was
// ever stored, in order.
type reference struct {
	store *Store

	mu     sync.RWMutex
	events []model.Event
	spans  []model.Span
	done   atomic.Bool
}

// write appends rows whose times follow their sequence.
func (m *reference) write(r *rand.Rand, n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	events, spans := make([]model.Event, n), make([]model.Span, n/2)
	for i := range events {
		at := model.Nanos(len(m.events) + i + 1)
		events[i] = model.Event{
			Time: at, SeverityNumber: r.Int32N(25), Resource: resource(fmt.Sprint("service-", r.IntN(4))), Scope: &model.Scope{},
			TraceID: model.TraceID{1, byte(r.IntN(50))}, Body: model.StringValue(fmt.Sprintf("row %d of %x", at, r.Uint64())),
		}
	}
	for i := range spans {
		at := model.Nanos(len(m.spans) + i + 1)
		spans[i] = model.Span{
			Start: at, End: at + model.Nanos(r.IntN(100)), TraceID: model.TraceID{1, byte(r.IntN(50))}, Name: fmt.Sprint("operation ", at),
			Resource: resource("service"), Scope: &model.Scope{},
		}
	}
	m.store.AppendEvents(events)
	m.store.AppendSpans(spans)
	for i := range events {
		events[i].Seq = uint64(len(m.events) + 1)
		m.events = append(m.events, events[i])
	}
	for i := range spans {
		spans[i].Seq = uint64(len(m.spans) + 1)
		m.spans = append(m.spans, spans[i])
	}
}

// event returns the record of a sequence; the writer may be about to note it.
func (m *reference) event(seq uint64) model.Event {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.events[seq-1]
}

func (m *reference) span(seq uint64) model.Span {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.spans[seq-1]
}

// same reports how a record differs from the one that was stored, "" for not.
func (m *reference) same(got *model.Event) string {
	want := m.event(got.Seq)
	if want.Time != got.Time || want.Body.Text() != got.Body.Text() || want.TraceID != got.TraceID ||
		want.SeverityNumber != got.SeverityNumber || want.Resource.Service() != got.Resource.Service() {
		return fmt.Sprintf("sequence %d: stored %v, got %v", got.Seq, want, *got)
	}
	return ""
}

// queries walks through pages, which must hold what the model says from their
// newest to their oldest row, without a gap.
func (m *reference) queries(t *testing.T, r *rand.Rand) {
	for !m.done.Load() {
		q := model.EventQuery{Paging: model.Paging{Limit: 1 + r.IntN(700)}}
		if r.IntN(2) == 0 {
			q.Filter.Services = []string{"service-1"}
		}
		if r.IntN(3) == 0 {
			q.Filter.Text = fmt.Sprint(r.IntN(1000))
		}
		match := eventMatcher(q)()
		var last uint64
		for range 5 {
			page, err := m.store.QueryEvents(t.Context(), q)
			if !assert.NoError(t, err) {
				return
			}
			for i := range page.Rows {
				seq := page.Rows[i].Seq
				assert.Empty(t, m.same(&page.Rows[i]))
				for between := seq + 1; between < last; between++ {
					if e := m.event(between); match(&e) {
						t.Errorf("%d is missing between %d and %d", between, seq, last)
						return
					}
				}
				last = seq
			}
			if q.Paging.After = page.Next; page.Next.IsZero() {
				break
			}
		}
	}
}

func (m *reference) traces(t *testing.T, r *rand.Rand) {
	for !m.done.Load() {
		id := model.TraceID{1, byte(r.IntN(50))}
		page, err := m.store.QueryTraces(t.Context(), model.TraceQuery{TraceIDs: []model.TraceID{id}})
		if !assert.NoError(t, err) {
			return
		}
		for _, trace := range page.Rows {
			for i, span := range trace.Spans {
				want := m.span(span.Seq)
				assert.Equal(t, want.Name, span.Name)
				assert.Equal(t, id, span.TraceID)
				assert.True(t, i == 0 || span.Seq > trace.Spans[i-1].Seq, "in order, each once")
			}
		}
	}
}

// follow reads a tail, which gives every row or reports that it is lost, until the
// context ends, and then what is left.
func (m *reference) follow(ctx context.Context, t *testing.T, tail *Tail[model.Event], slow bool) {
	next := tail.Position() + 1
	take := func(rows []model.Event, loss model.Loss) {
		if loss.Count > 0 {
			assert.Equal(t, model.Loss{Count: loss.Last - next + 1, First: next, Last: loss.Last}, loss)
			next = loss.Last + 1
		}
		for i := range rows {
			assert.Equal(t, next, rows[i].Seq)
			assert.Empty(t, m.same(&rows[i]))
			next = rows[i].Seq + 1
		}
	}
	for {
		if slow {
			m.store.Cardinality() // takes its time
		}
		rows, loss, err := tail.Next(ctx, 100)
		if err != nil {
			break
		}
		take(rows, loss)
	}
	for next <= uint64(len(m.events)) && !t.Failed() {
		rows, loss, _ := tail.Poll(100)
		take(rows, loss)
	}
}

// Writers, queries, tails, compaction, eviction by size and by new limits, retiring,
// figures and the writing of files: all at once, and each answer as the model
// says. At the end a restart finds what was there.
func TestReadersAgreeWithTheModelWhateverGoesOn(t *testing.T) {
	path, r := t.TempDir(), &troubles{}
	limits := Limits{Logs: mebibyte, Traces: mebibyte, Metrics: mebibyte, MaxAge: time.Hour}
	m := &reference{store: open(t, path, limits, r)}
	ctx, cancel := context.WithCancel(t.Context())
	var work, tails sync.WaitGroup
	for n := range uint64(2) {
		work.Go(func() { m.queries(t, rand.New(rand.NewPCG(n, 1))) })
		work.Go(func() { m.traces(t, rand.New(rand.NewPCG(n, 2))) })
		tail := m.store.TailEvents(model.EventQuery{}, model.Start{})
		tails.Go(func() { m.follow(ctx, t, tail, n == 0) })
	}
	var writers sync.WaitGroup
	for n := range uint64(2) {
		writers.Go(func() {
			random := rand.New(rand.NewPCG(n, 3))
			for i := range 40 {
				m.write(random, 1+random.IntN(600))
				switch i % 10 {
				case 3:
					m.store.SetLimits(Limits{Logs: mebibyte / 2, Traces: mebibyte / 2, Metrics: mebibyte, MaxAge: time.Hour})
				case 6:
					m.store.SetLimits(limits)
				}
				m.store.Stats()
				m.store.Cardinality()
				m.store.Retire()
			}
		})
	}
	writers.Wait()
	m.done.Store(true)
	work.Wait()
	cancel()
	tails.Wait()

	require.NotZero(t, m.store.Stats()[0].Evicted["size"])
	before := seqs(everyEvent(t, m.store))
	again := reopen(t, m.store, path, limits, r)
	after := everyEvent(t, again)
	assert.Equal(t, before, seqs(after))
	for i := range after {
		assert.Empty(t, m.same(&after[i]))
	}
	assert.Empty(t, r.all())
}

// Tails get every row, or are informed of those they were too slow for.
// Those that do not read hold up no one: the writer and the others are done
// before they go on.
func TestSlowTailsHoldUpNoOne(t *testing.T) {
	const tails, batches, batch = 300, 20, 200
	s := New(Limits{Logs: mebibyte}, time.Now)
	defer settle(s)
	reads := make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var fast, slow sync.WaitGroup
	var lost atomic.Uint64
	run := func(tail *Tail[model.Event], group *sync.WaitGroup, late bool) {
		group.Go(func() {
			if late {
				<-reads
			}
			for next := uint64(1); next <= batches*batch; {
				rows, loss, err := tail.Next(ctx, 512)
				if !assert.NoError(t, err) || loss.Count > 0 && !assert.Equal(t, next, loss.First) {
					return
				}
				lost.Add(loss.Count)
				next += loss.Count
				for i := range rows {
					if !assert.Equal(t, next, rows[i].Seq) {
						return
					}
					next++
				}
			}
		})
	}
	for n := range tails {
		late := n%3 == 0
		group := &fast
		if late {
			group = &slow
		}
		run(s.TailEvents(model.EventQuery{}, model.Start{}), group, late)
	}
	for range batches {
		s.AppendEvents(events(1, batch))
	}
	fast.Wait() // while a third does not read

	s.SetLimits(Limits{Logs: 16 << 10}) // compacted or not, they do not all fit
	close(reads)
	slow.Wait()
	assert.NotZero(t, lost.Load())
	assert.Equal(t, lost.Load(), s.Stats()[0].Lost)
}
