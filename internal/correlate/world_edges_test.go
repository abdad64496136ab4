// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/correlate/logtemplate"
	"github.com/tapio/tapio/internal/model"
)

func TestTrafficThatFallsToATenthIsReported(t *testing.T) {
	w := shopWorld(t, 29)
	rate := 6.0
	w.rate = func(*world) float64 { return rate }
	w.run(1800)
	rate = 0.5
	w.run(120)
	cause := w.cause()
	assert.Equal(t, "web", cause.Entity.Name, "%v", w.reported())
	assert.Contains(t, cause.Reason, "requests/s (baseline")
}

func TestTheEndOfASpikeIsNoDrop(t *testing.T) {
	w := shopWorld(t, 31)
	rate := 1.0
	w.rate = func(*world) float64 { return rate }
	w.run(1800)
	for _, rate = range []float64{12, 1} {
		w.run(900)
	}
	assert.Empty(t, w.reported())
}

// messages lets a service consume what another one sends, some time later.
func messages(w *world, seconds int, waits func() model.Nanos) {
	producer, _, _ := w.resource(w.parts["web"], 0)
	consumer, _, _ := w.resource(w.parts["payment"], 0)
	sent := text("messaging.system", "kafka", "messaging.destination.name", "orders")
	for range seconds {
		for range 2 {
			var trace, other model.TraceID
			binary.BigEndian.PutUint64(trace[:], w.rng.Uint64())
			binary.BigEndian.PutUint64(other[:], w.rng.Uint64())
			id, wait := w.id(), waits()
			w.e.ObserveSpans([]model.Span{
				{TraceID: trace, SpanID: id, Name: "orders publish", Kind: kindProducer, Start: w.at, End: w.at + second/1000, Resource: producer, Attributes: sent},
				{
					TraceID: other, SpanID: w.id(), Name: "orders process", Kind: kindConsumer, Start: w.at + wait, End: w.at + wait + second/100,
					Resource: consumer, Attributes: sent, Links: []model.SpanLink{{TraceID: trace, SpanID: id}},
				},
			})
		}
		w.at += second
		w.flush()
	}
}

func TestAConsumerThatLagsIsTheCause(t *testing.T) {
	w := shopWorld(t, 37)
	messages(w, 600, func() model.Nanos { return model.Nanos(20+w.rng.IntN(20)) * second / 1000 })
	assert.Empty(t, w.reported())
	lag := 0
	messages(w, 60, func() model.Nanos { lag++; return model.Nanos(lag) * second / 10 })
	cause := w.cause()
	assert.Equal(t, "payment", cause.Entity.Name, "%v", w.reported())
	assert.Contains(t, cause.Reason, "lags behind orders")
	messages(w, 90, func() model.Nanos { lag++; return model.Nanos(lag) * second / 5 })
	assert.Equal(t, model.GroupIncident, w.e.book.groups[0].kind, "what depends on the messages is late, which no request shows")
}

// A message that waits for longer than a trace is kept is processed in a trace of its own, as it seems.
func TestMessagesThatWaitForLongStillCountAsThoseOfTheConsumer(t *testing.T) {
	w := shopWorld(t, 43)
	producer, _, _ := w.resource(w.parts["web"], 0)
	consumer, _, _ := w.resource(w.parts["payment"], 0)
	sent := text("messaging.system", "kafka", "messaging.destination.name", "orders")
	type message struct {
		trace model.TraceID
		id    model.SpanID
	}
	var queue []message
	run := func(seconds int, takes model.Nanos, perSecond int) {
		for range seconds {
			for range 4 {
				m := message{id: w.id()}
				binary.BigEndian.PutUint64(m.trace[:], w.rng.Uint64())
				queue = append(queue, m)
				w.e.ObserveSpans([]model.Span{{
					TraceID: m.trace, SpanID: m.id, Name: "orders publish", Kind: kindProducer, Start: w.at, End: w.at + second/1000, Resource: producer, Attributes: sent,
				}})
			}
			for range min(perSecond, len(queue)) {
				m := queue[0]
				queue = queue[1:]
				w.e.ObserveSpans([]model.Span{{
					TraceID: m.trace, SpanID: w.id(), ParentID: m.id, Name: "process orders", Kind: kindConsumer,
					Start: w.at + second/500, End: w.at + second/500 + takes, Resource: consumer, Attributes: sent,
				}})
			}
			w.at += second
			w.flush()
		}
	}
	run(600, 20*second/1000, 4)
	assert.Empty(t, w.reported())
	run(240, 900*second/1000, 1)
	assert.Nil(t, w.e.requests.outcomes.Peek(outcomeKey{requestEntry, "payment", "process orders"}), "no user waits for it")
	require.NotEmpty(t, w.e.book.groups, "%v", w.reported())
	v := w.e.book.groups[0].victims[outcomeKey{requestServed, "payment", "process orders"}]
	require.NotNil(t, v)
	assert.Greater(t, v.total.n+v.pending.n, float32(150), "those processed long after they were sent count too")
	assert.False(t, w.e.describer.spread.upstreamOf(w.e.book.groups[0])["web"], "who sends messages does not wait")
}

func TestErrorsOfTracesThatAreSampledAwayCount(t *testing.T) {
	w := shopWorld(t, 41)
	w.sample = 0.02
	w.run(1200)
	w.faults = []trouble{{service: "payment", fails: "cannot charge card", share: 0.5, during: w.after(0)}}
	w.run(90)
	assert.Equal(t, "payment", w.cause().Entity.Name, "%v", w.reported())
}

func TestLinesOfAnotherServiceAreNotQuoted(t *testing.T) {
	m := logtemplate.NewMiner(1 << 20)
	a := m.By("ads").Of("call of inventory Check failed")
	b := m.By("orders").Of("call of payment Charge failed")
	assert.NotSame(t, a, b)
	assert.Equal(t, "call of payment Charge failed", b.Shown())
}
