// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/correlate/baseline"
	"github.com/tapio/tapio/internal/correlate/origin"
	"github.com/tapio/tapio/internal/model"
)

// runsOf are complete runs of a trace, the first of which has the others as children.
func runsOf(spans ...spanPart) []execution {
	runs := make([]execution, len(spans))
	for i := range spans {
		runs[i] = execution{spanPart: &spans[i], parent: -1}
		if i > 0 {
			runs[i].parent = 0
			runs[0].children = append(runs[0].children, i)
		}
	}
	return runs
}

func TestTimeBetweenRetriesIsNotTheCallersOwn(t *testing.T) {
	const ms = model.Nanos(1e6)
	serve := &operation{key: operationKey{service: "orders", kind: kindServer}}
	charge := &operation{key: operationKey{service: "orders", name: "charge", kind: kindClient}}
	other := &operation{key: operationKey{service: "orders", name: "list", kind: kindClient}}
	call := func(op *operation, from, to model.Nanos, failed bool) spanPart {
		return spanPart{op: op, start: from * ms, end: to * ms, failed: failed, peer: op.key.name}
	}
	for name, c := range map[string]struct {
		calls []spanPart
		self  model.Nanos
	}{
		"a call that succeeds":           {[]spanPart{call(charge, 5, 10, false), call(charge, 90, 95, false)}, 90},
		"a call that is retried":         {[]spanPart{call(charge, 5, 10, true), call(charge, 90, 95, false)}, 10},
		"one that is retried twice":      {[]spanPart{call(charge, 5, 10, true), call(charge, 40, 45, true), call(charge, 90, 95, true)}, 10},
		"another call after a failure":   {[]spanPart{call(charge, 5, 10, true), call(other, 90, 95, false)}, 90},
		"another call between two of it": {[]spanPart{call(charge, 5, 10, true), call(other, 40, 45, false), call(charge, 90, 95, false)}, 40},
	} {
		t.Run(name, func(t *testing.T) {
			runs := runsOf(append([]spanPart{{op: serve, end: 100 * ms}}, c.calls...)...)
			assert.Equal(t, c.self*ms, selfTime(runs, 0))
		})
	}
}

func TestACallerThatRetriesIsNotSlowItself(t *testing.T) {
	w := shopWorld(t, 43)
	w.retries, w.backOff = 2, 60
	w.run(900)
	w.faults = []trouble{{service: "payment", fails: "cannot charge card", share: 0.7, during: w.after(0)}}
	w.run(60)
	cause := w.cause()
	assert.Equal(t, "payment", cause.Entity.Name, "%v", w.reported())
	for _, g := range w.last {
		for i := range g.RootCause.Factors {
			assert.NotContains(t, g.RootCause.Factors[i].Reason, "in its own code", "%v", w.reported())
		}
	}
}

func TestTheCalleeIsNamedFirstFromTheBeginning(t *testing.T) {
	for seed := range uint64(4) {
		w := shopWorld(t, 47+seed)
		w.run(900)
		w.faults = []trouble{{service: "postgres", fails: "dial tcp 10.0.0.3:5432: connect: connection refused", during: w.after(0)}}
		for range 60 {
			w.run(1)
			for _, g := range w.last {
				require.Equal(t, "postgres", g.RootCause.Factors[0].Entity.Name, "%v", w.reported())
			}
		}
		assert.Len(t, w.last, 1)
	}
}

func TestWhatFailsAlwaysIsNoExcuse(t *testing.T) {
	w := shopWorld(t, 53)
	w.run(900)
	w.faults = []trouble{{service: "redis", fails: "key not found", share: 0.5, during: w.after(0)}}
	w.parts["catalog"].tolerant = true
	w.run(7200)
	before := len(w.last)
	w.faults = append(w.faults, trouble{service: "catalog", fails: "cannot render", share: 0.6, during: w.after(0)})
	w.run(60)
	require.Len(t, w.last, before+1, "%v", w.reported())
	for _, g := range w.last {
		if g.Range.Start > w.at-70*second {
			assert.Equal(t, "catalog", g.RootCause.Factors[0].Entity.Name, "%v", w.reported())
		}
	}
}

func TestTwoFaultsThatNothingConnectsAreTwoIncidents(t *testing.T) {
	w := newWorld(t, 59,
		member{name: "web", own: 5, calls: []string{"orders", "reviews"}},
		member{name: "orders", replicas: 2, own: 8, calls: []string{"postgres"}},
		member{name: "reviews", replicas: 2, own: 8, calls: []string{"mongo"}},
		member{name: "postgres", own: 8, silent: database("postgres")},
		member{name: "mongo", own: 8, silent: database("mongo")},
	)
	w.run(900)
	w.faults = []trouble{{service: "postgres", fails: "connection refused", share: 0.6, during: w.after(0)}}
	w.run(30)
	w.faults = append(w.faults, trouble{service: "reviews", fails: "cannot render stars", share: 0.5, during: w.after(0)})
	w.run(60)
	causes := map[string]bool{}
	for _, g := range w.last {
		if g.State != model.GroupMerged {
			causes[g.RootCause.Factors[0].Entity.Name] = true
		}
	}
	assert.Equal(t, map[string]bool{"postgres": true, "reviews": true}, causes, "%v", w.reported())
}

func TestTwoWeakChancesOneAfterTheOtherAreNoFault(t *testing.T) {
	fails, slow := signOf("web", classError, "fails", begin), signOf("web", classSelf, "GET /", begin+50*second)
	s := suspectOf("web", fails, slow)
	fails.strength, slow.strength = 15, 15
	assert.False(t, s.alarms(28))
	slow.onset = begin + 10*second
	assert.True(t, s.alarms(28))
}

func TestAReleaseIsKnownSoonAfterAServiceIs(t *testing.T) {
	for after, known := range map[model.Nanos]bool{10 * second: false, 40 * second: true} {
		s := &service{name: "web", spanned: begin}
		s.heard(&origin.Origin{Service: "web", Version: "1.0"}, begin)
		s.heard(&origin.Origin{Service: "web", Version: "1.1"}, begin+after)
		assert.Equal(t, known, s.release.known)
	}
}

func TestWhatWasReleasedStaysInACrowdedGroup(t *testing.T) {
	g := &group{members: map[signKey]*sign{}, blamed: map[signKey]string{}}
	released := signOf("web", classSymptom, releaseWhat, begin)
	released.strength = baseline.HintStrength
	require.True(t, g.join(released, "web"))
	for n := range 2 * maxGroupSigns {
		s := signOf("web", classError, string(rune('a'+n)), begin)
		s.strength = 50 + float64(n)
		g.join(s, "web")
	}
	assert.Len(t, g.members, maxGroupSigns)
	assert.Contains(t, g.members, released.key)
}

func TestTheCauseIsTheSameAfterMinutes(t *testing.T) {
	w := shopWorld(t, 83)
	w.run(900)
	w.faults = []trouble{{service: "postgres", millis: 900, during: w.after(0)}}
	w.run(60)
	require.Equal(t, "postgres", w.cause().Entity.Name, "%v", w.reported())
	w.run(540)
	assert.Equal(t, "postgres", w.cause().Entity.Name, "%v", w.reported())
}

func TestACauseThatShowsNoMoreExplainsItsCallersStill(t *testing.T) {
	e, err := New(Config{})
	require.NoError(t, err)
	e.time.Now = begin
	e.graph.call("orders", "postgres")
	e.graph.call("orders", "mongo")
	database, caller := suspectOf("postgres", signOf("postgres", classSelf, "SELECT", begin)), suspectOf("orders", signOf("orders", classSelf, "GET /", begin))
	database.score, caller.score = 70, 14
	e.admission.admit(&incident{suspects: []*suspect{database, caller}})
	require.Len(t, e.book.groups, 1)
	caller.score = 80
	e.admission.admit(&incident{suspects: []*suspect{caller}})
	require.Len(t, e.book.groups, 1)
	assert.Equal(t, "postgres", e.book.groups[0].cause())
}

func TestAServiceThatFailsByItselfIsAnIncidentBesideItsSlowCallee(t *testing.T) {
	w := shopWorld(t, 89)
	w.run(900)
	w.faults = []trouble{{service: "postgres", millis: 900, during: w.after(0)}}
	w.run(30)
	w.faults = append(w.faults, trouble{service: "inventory", fails: "cannot count items", share: 0.6, during: w.after(0)})
	w.run(60)
	causes := map[string]bool{}
	for _, g := range w.last {
		if g.State != model.GroupMerged {
			causes[g.RootCause.Factors[0].Entity.Name] = true
		}
	}
	assert.Equal(t, map[string]bool{"postgres": true, "inventory": true}, causes, "%v", w.reported())
}
