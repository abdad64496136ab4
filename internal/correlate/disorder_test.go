// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/tapio/tapio/internal/model"
)

// heldBack is how many seconds the caller waits for what is late.
const heldBack = 5

// late serves so many seconds. What happened in five of them comes in the order
// that mix leaves it in, spans and log lines one by one.
func (s *shop) late(seconds int, mix func(n int, swap func(i, j int))) {
	for range seconds / heldBack {
		var spans []model.Span
		var events []model.Event
		for i := range model.Nanos(4 * heldBack) {
			var trace model.TraceID
			copy(trace[:], fmt.Sprintf("%016d", s.n+1))
			s.serve(&spans, &events, trace, model.SpanID{}, "front", s.at+i*second/4, "cart", "pay")
		}
		order := make([]int, len(spans)+len(events))
		for i := range order {
			order[i] = i
		}
		mix(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		for _, i := range order {
			if i < len(spans) {
				s.e.ObserveSpans(spans[i : i+1])
			} else {
				s.e.ObserveEvents(events[i-len(spans) : i-len(spans)+1])
			}
		}
		s.at += heldBack * second
		for _, f := range s.e.Flush(s.at - heldBack*second) {
			if g, ok := f.(*model.SemanticGroup); ok {
				s.last[g.ID] = g
			}
		}
	}
}

func TestDisorderChangesNothing(t *testing.T) {
	reported := func(mix func(n int, swap func(i, j int))) *model.SemanticGroup {
		s := newShop(t, Config{})
		s.late(300, mix)
		s.fails["pay"], s.own["cart"] = true, 300
		s.late(60, mix)
		g := s.only(t)
		for i := range g.RootCause.Factors { // which of several records are shown depends on which came last
			g.RootCause.Factors[i].Evidence = nil
		}
		return g
	}
	ordered := reported(func(int, func(i, j int)) {})
	for seed := range uint64(3) {
		mixed := reported(rand.New(rand.NewPCG(seed, 7)).Shuffle)
		assert.Equal(t, ordered.Title, mixed.Title)
		assert.Equal(t, ordered.Range, mixed.Range)
		assert.Equal(t, ordered.RootCause.Factors, mixed.RootCause.Factors)
		assert.Equal(t, ordered.Impact, mixed.Impact)
	}
}
