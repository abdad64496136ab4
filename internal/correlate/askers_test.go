// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/tapio/tapio/internal/correlate/baseline"
	"github.com/tapio/tapio/internal/correlate/origin"
)

// asks lets two services ask: one whose orders are booked, and one that only looks.
func (d *desk) asks(booked, looks int, lines ...string) {
	d.t.Helper()
	d.caller = "shop"
	d.serves(booked, lines...)
	d.caller = "search"
	d.serves(looks, "takes order")
}

func TestAnotherCallerIsNoOtherCode(t *testing.T) {
	d := newDesk(t, Config{})
	for range 30 {
		d.asks(4, 0, "takes order", "books order")
	}
	for range 30 {
		d.asks(1, 3, "takes order", "books order")
	}
	assert.Empty(t, d.last)
}

func TestAStepThatIsLeftOutForTheOneWhoGotItIsSeen(t *testing.T) {
	d := newDesk(t, Config{})
	for range 30 {
		d.asks(1, 3, "takes order", "books order")
	}
	for range 15 {
		d.asks(1, 3, "takes order")
	}
	assert.Contains(t, d.only(t).RootCause.Factors[0].Reason,
		"desk logs “books order” for its usual callers in 0% of POST /order requests (baseline 100%)")
}

func TestRequestsOfAnotherCallerThatEndAtOnceAreNoSign(t *testing.T) {
	d := newDesk(t, Config{})
	for _, looks := range []int{0, 3} {
		for range 30 {
			d.caller = "shop"
			d.serves(1, "takes order")
			d.caller = "health"
			d.serves(looks)
		}
	}
	assert.Empty(t, d.last)
}

func TestMoreAskersThanAreKeptApartAreTakenTogether(t *testing.T) {
	g := newGraph(16 << 20)
	o := g.operation(g.service(&origin.Origin{Service: "desk"}), "POST /order", kindServer)
	for i := range 3 * maxAskers {
		place := g.askedBy(o, askerKey{caller: varied("caller", i)}, 1000, baseline.Sample{N: 1})
		o.runs.Observe(1000, baseline.Sample{N: 1})
		assert.Equal(t, min(i, maxAskers-1), place)
	}
	assert.Equal(t, maxAskers, g.askers)
	assert.InDelta(t, 1, o.chances(askerSet(0).with(0)).Total().N, 1e-6)
	assert.InDelta(t, 2*maxAskers+1, o.chances(askerSet(0).with(maxAskers-1)).Total().N, 1e-6)
	assert.Same(t, &o.runs, o.chances(1<<maxAskers-1))
}

func TestWhereThereIsNoRoomAllAskersAreTakenTogether(t *testing.T) {
	g := newGraph(16 << 20)
	g.features = g.maxFeatures
	o := g.operation(g.service(&origin.Origin{Service: "desk"}), "POST /order", kindServer)
	for i := range 3 {
		assert.Zero(t, g.askedBy(o, askerKey{caller: varied("caller", i)}, 1000, baseline.Sample{N: 1}))
	}
	assert.Same(t, &o.runs, o.chances(1))
	assert.Zero(t, g.askers)
}

func TestSpansThatAreEachOthersParentsHaveAnAsker(t *testing.T) {
	o := &operation{key: operationKey{service: "desk", name: "POST /order"}, service: &service{name: "desk"}}
	ring := []execution{{spanPart: &spanPart{op: o}, parent: 1}, {spanPart: &spanPart{op: o}, parent: 0}}
	assert.Equal(t, askerKey{door: "POST /order"}, askerOf(ring, 0))
}
