// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/model"
)

// gateway is a system of which all requests enter by one operation: a quarter of them go to a
// service that is quick, the others to one that is slow.
type gateway struct {
	t     *testing.T
	e     *Engine
	rng   *rand.Rand
	at    model.Nanos
	ids   uint64
	added float64 // milliseconds that the quick one takes longer
	error string  // that the quick one logs
	ok    bool    // spans have the code of the response
	kinds map[model.GroupKind]*model.SemanticGroup
}

func newGateway(t *testing.T) *gateway {
	t.Helper()
	e, err := New(Config{})
	require.NoError(t, err)
	return &gateway{t: t, e: e, rng: rand.New(rand.NewPCG(3, 4)), at: begin, kinds: map[model.GroupKind]*model.SemanticGroup{}}
}

func (g *gateway) span(trace model.TraceID, parent model.SpanID, service, name string, kind int32, start model.Nanos, ms float64) model.Span {
	g.ids++
	s := model.Span{
		TraceID: trace, ParentID: parent, Name: name, Kind: kind, Start: start, End: start + model.Nanos(ms*1e6),
		Resource: &model.Resource{Attributes: text("service.name", service, "k8s.pod.name", service+"-0")},
	}
	binary.BigEndian.PutUint64(s.SpanID[:], g.ids)
	if g.ok {
		s.Attributes = text("http.response.status_code", "200")
	}
	return s
}

func (g *gateway) request(start model.Nanos) {
	g.ids++
	var trace model.TraceID
	binary.BigEndian.PutUint64(trace[:], g.ids<<20|g.rng.Uint64N(1<<20))
	service, ms := "reports", 700+200*g.rng.Float64()
	if g.rng.IntN(4) == 0 {
		service, ms = "prices", 30+20*g.rng.Float64()+g.added
	}
	enter := g.span(trace, model.SpanID{}, "gate", "/*", kindServer, start, ms+4)
	call := g.span(trace, enter.SpanID, "gate", "HTTP GET", kindClient, start+1e6, ms+2)
	serve := g.span(trace, call.SpanID, service, "GET /"+service, kindServer, start+2e6, ms)
	if service == "prices" && g.error != "" {
		g.e.ObserveEvents([]model.Event{{
			Time: serve.End, TraceID: trace, SpanID: serve.SpanID, Resource: serve.Resource, SeverityNumber: 17, Body: model.StringValue(g.error),
		}})
	}
	g.e.ObserveSpans([]model.Span{enter, call, serve})
}

func (g *gateway) run(seconds int) {
	for range seconds {
		for n := range 2 {
			g.request(g.at + model.Nanos(n)*400e6)
		}
		g.at += second
		for _, f := range g.e.Flush(g.at) {
			if sg, ok := f.(*model.SemanticGroup); ok {
				g.kinds[sg.Kind] = sg
			}
		}
	}
}

// A request is judged by how long those take that go where it goes, not by the slowest of all
// that enter by the same operation.
func TestRequestsOfOneOperationAreJudgedByTheirRoute(t *testing.T) {
	g := newGateway(t)
	g.ok = true
	g.run(1800)
	require.Empty(t, g.kinds)
	g.added = 250
	g.run(90)
	page := g.kinds[model.GroupIncident]
	require.NotNil(t, page)
	assert.Equal(t, "prices", page.RootCause.Factors[0].Entity.Service())
	require.Len(t, page.Impact.Operations, 1)
	assert.Equal(t, "/*", page.Impact.Operations[0].Operation)
	share := page.Impact.AffectedRequestRatio
	assert.Greater(t, share, 0.1)
	assert.Less(t, share, 0.4, "a quarter go to prices")
}

// Where no span has a status, errors are all that shows whether requests fail. Where responses
// have codes, an error that the users' requests survive is an observation.
func TestErrorsCountWhereTheOutcomeOfRequestsIsNotKnown(t *testing.T) {
	for name, c := range map[string]struct {
		known bool
		kind  model.GroupKind
	}{
		"unknown": {false, model.GroupIncident},
		"known":   {true, model.GroupObservation},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGateway(t)
			g.ok = c.known
			g.run(900)
			require.Empty(t, g.kinds)
			g.error = "cannot read the price list"
			g.run(60)
			require.NotNil(t, g.kinds[c.kind])
			assert.Equal(t, "prices", g.kinds[c.kind].RootCause.Factors[0].Entity.Service())
			if c.known {
				assert.Nil(t, g.kinds[model.GroupIncident])
			}
		})
	}
}

// Half of the requests take half as long again: no request is longer than the longest were.
func TestAShiftOfTheMedianAffectsRequests(t *testing.T) {
	norm := norms{failed: leastFailed, slow: slowShare, long: 0.2}
	for name, c := range map[string]struct {
		o    outcome
		want bool
	}{
		"most are longer":             {outcome{n: 60, timed: 60, long: 40}, true},
		"as many as before":           {outcome{n: 60, timed: 60, long: 14}, false},
		"a few of few":                {outcome{n: 5, timed: 5, long: 2}, false},
		"a little more of very many":  {outcome{n: 60000, timed: 60000, long: 14000}, false},
		"their baseline is not known": {outcome{n: 60}, false},
	} {
		assert.Equal(t, c.want, longer(c.o, norm, 12), name)
	}
}
