// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/tapio/tapio/internal/correlate/origin"
	"github.com/tapio/tapio/internal/model"
)

// logged serves so many seconds, four requests each, of which each service writes a line as
// it begins and one as it ends. One of so many traces is sampled, none for 0.
func (s *shop) logged(seconds, one int) {
	for range seconds {
		for i := range model.Nanos(4) {
			var trace model.TraceID
			copy(trace[:], fmt.Sprintf("%016d", s.n+1))
			var spans []model.Span
			var events []model.Event
			s.serve(&spans, &events, trace, model.SpanID{}, "front", s.at+i*second/4, "cart", "pay")
			events = events[:0]
			for j := range spans {
				if span := &spans[j]; span.Kind == kindServer {
					for at, text := range map[model.Nanos]string{span.Start: "begins", span.End: "is done"} {
						events = append(events, model.Event{
							Time: at, TraceID: trace, SpanID: span.SpanID, Resource: span.Resource, SeverityNumber: 9,
							Body: model.StringValue(span.Name + " " + text),
						})
					}
				}
			}
			slices.SortFunc(events, func(a, b model.Event) int { return int(a.Time) - int(b.Time) })
			s.e.ObserveEvents(events)
			if one > 0 && s.rng.IntN(one) == 0 {
				s.e.ObserveSpans(spans)
			}
		}
		s.at += second
		s.flush()
	}
}

// Where traces are sampled, or none are sent, the lines that name trace and span show which
// service takes longer, and on the way to which one time passes.
func TestLinesStandForSpansThatDoNotCome(t *testing.T) {
	for _, one := range []int{0, 10} {
		for name, fault := range map[string]func(*shop){
			"cart": func(s *shop) { s.own["cart"] = 300 },
			"pay":  func(s *shop) { s.delay["pay"] = 300 },
		} {
			t.Run(fmt.Sprintf("%s, one of %d", name, one), func(t *testing.T) {
				s := newShop(t, Config{})
				s.logged(600, one)
				assert.Empty(t, s.last)
				fault(s)
				s.logged(60, one)
				g := s.only(t)
				assert.Equal(t, name, g.RootCause.Factors[0].Entity.Service(), g.Title)
			})
		}
	}
}

// Where the spans of all traces come, lines make none.
func TestLinesOfTracesThatComeMakeNoSpans(t *testing.T) {
	s := newShop(t, Config{})
	s.logged(60, 1)
	for key := range s.e.graph.operations.All() {
		assert.NotEqual(t, int32(kindInternal), key.kind, key.name)
	}
}

// A request that stands for ten is one observation. Where some stand for more than others, as
// where failed ones are always kept, it weighs more beside them.
func TestASampledRequestIsOneObservation(t *testing.T) {
	for name, c := range map[string]struct {
		states []string
		n      float64
	}{
		"all alike":  {[]string{"ot=th:e", "ot=th:e"}, 200},
		"none":       {[]string{"", ""}, 200},
		"some alone": {[]string{"ot=th:e", ""}, 200}, // 100 of weight 8 and 100 of weight 1, relative to their mean
	} {
		t.Run(name, func(t *testing.T) {
			s := newShop(t, Config{})
			for i := range 200 {
				var trace model.TraceID
				copy(trace[:], fmt.Sprintf("%016d", i+1))
				s.e.ObserveSpans([]model.Span{{
					TraceID: trace, SpanID: s.id(), Name: "/", Kind: kindServer, Start: s.at, End: s.at + second/100,
					Resource: s.resource("front"), TraceState: c.states[i%2],
				}})
				s.at += second / 2
				s.flush()
			}
			s.at += 30 * second
			s.flush()
			o := s.e.graph.operation(s.e.graph.service(&origin.Origin{Service: "front"}), "/", kindServer)
			assert.InEpsilon(t, c.n, o.runs.Total().N, 0.1)
		})
	}
}
