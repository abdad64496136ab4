// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/correlate/baseline"
	"github.com/tapio/tapio/internal/model"
)

// reasons are why the cause of each group is one, the oldest group first.
func (s *shop) reasons(t *testing.T, groups int) []string {
	t.Helper()
	var list []string
	seen := map[string]bool{}
	for _, f := range s.all {
		if g, ok := f.(*model.SemanticGroup); ok && !seen[g.ID] {
			seen[g.ID] = true
			list = append(list, s.last[g.ID].RootCause.Factors[0].Reason)
		}
	}
	require.Len(t, list, groups)
	return list
}

func TestFailuresThatWereReportedAreNotUsual(t *testing.T) {
	s := newShop(t, Config{})
	s.run(300)
	for range 2 {
		s.fails["cart"] = true
		s.run(240)
		s.fails["cart"] = false
		s.run(900)
	}
	for _, reason := range s.reasons(t, 2) {
		assert.Contains(t, reason, "100% of /cart requests to cart log")
	}
}

func TestDurationsThatWereReportedAreNotUsual(t *testing.T) {
	s := newShop(t, Config{})
	s.run(300)
	for range 2 {
		s.own["cart"] = 300
		s.run(240)
		s.own["cart"] = 0
		s.run(900)
	}
	for _, reason := range s.reasons(t, 2) {
		assert.Contains(t, reason, "in its own code (baseline 5 ms)")
	}
}

func TestStepsThatWereMissedAreUsualStill(t *testing.T) {
	d := newDesk(t, Config{})
	d.serves(300, "takes order", "books order")
	for range 2 {
		d.serves(240, "takes order")
		d.serves(900, "takes order", "books order")
	}
	for _, reason := range d.reasons(t, 2) {
		assert.Contains(t, reason, "logs “books order” in 0% of POST /order requests")
	}
}

func TestWhatLastsForLongIsUsual(t *testing.T) {
	var runs, hits baseline.History
	slot := int64(1000)
	for range 200 {
		slot++
		runs.Observe(slot, baseline.Sample{N: 10})
		hits.Advance(slot)
	}
	since := slot + 1
	share := func() float64 { return float64(hits.Old.N) / float64(runs.Old.N) }
	fails := func(slots int) {
		for range slots {
			slot++
			runs.Observe(slot, baseline.Sample{N: 10})
			hits.Observe(slot, baseline.Sample{N: 10})
			hits.KeepShare(since, &runs, 0.05)
		}
	}
	fails(400)
	assert.Less(t, share(), 0.05, "as if it had been as before")
	fails(800)
	assert.Greater(t, share(), 0.3)
}

func TestWhatWasOverBeforeExplainsNothing(t *testing.T) {
	s := newShop(t, Config{})
	s.run(300)
	s.fails["cart"] = true
	s.run(40)
	g := s.only(t)
	require.Equal(t, "cart", g.RootCause.Factors[0].Entity.Name)
	s.fails["cart"] = false
	s.run(40)
	s.fails["front"] = true
	s.run(40)
	require.Len(t, s.last, 2)
	for id, later := range s.last {
		if id != g.ID {
			assert.Equal(t, "front", later.RootCause.Factors[0].Entity.Name)
			assert.NotContains(t, later.Services, "cart")
		}
	}
}

func TestAGroupThatIsMergedLeavesItsCause(t *testing.T) {
	e, err := New(Config{})
	require.NoError(t, err)
	e.time.Now = begin
	cart := suspectOf("cart", signOf("cart", classResource, "disk", begin))
	pay := suspectOf("pay", signOf("pay", classSelf, "y", begin))
	cart.score, pay.score = 20, 80
	e.admission.admit(&incident{suspects: []*suspect{cart}})
	e.admission.admit(&incident{suspects: []*suspect{pay}})
	require.Len(t, e.book.groups, 2)
	e.admission.admit(&incident{suspects: []*suspect{pay, cart}})
	e.report(begin)
	require.Len(t, e.book.groups, 1)
	assert.Equal(t, "pay", e.book.groups[0].cause())
	assert.True(t, e.book.groups[0].concerns("cart"))
}

func TestRequestsThatSucceedAreNotAffectedByWhatFailsWithin(t *testing.T) {
	s := newShop(t, Config{})
	serve := func(seconds int, status int32) {
		for range seconds {
			var trace model.TraceID
			server, inner := s.id(), s.id()
			copy(trace[:], server[:])
			s.e.ObserveSpans([]model.Span{
				{TraceID: trace, SpanID: inner, ParentID: server, Name: "verify", Kind: 1, StatusCode: status, Start: s.at, End: s.at + second/20, Resource: s.resource("codes")},
				{TraceID: trace, SpanID: server, Name: "GET /code", Kind: kindServer, Start: s.at, End: s.at + second/10, Resource: s.resource("codes")},
			})
			s.at += second
			s.flush()
		}
	}
	serve(300, 0)
	serve(60, model.StatusError)
	g := s.only(t)
	assert.Zero(t, g.Impact.AffectedRequestRatio, "the requests that ran it did not fail")
	assert.Equal(t, model.GroupObservation, g.Kind)
}
