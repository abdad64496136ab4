// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/model"
)

// unjoined is a host whose programs only the kernel reports: web calls orders, which calls payment, and
// no span of one is known to belong to a span of another.
type unjoined struct {
	e      *Engine
	at     model.Nanos
	rng    *rand.Rand
	fails  float64 // share of the requests that fail at payment, and so at who calls it
	slow   float64 // ms that web takes more
	groups map[string]*model.SemanticGroup
}

func newUnjoined(t *testing.T) *unjoined {
	t.Helper()
	e, err := New(Config{})
	require.NoError(t, err)
	e.graph.call("web", "orders")
	e.graph.call("orders", "payment")
	return &unjoined{e: e, at: begin, rng: rand.New(rand.NewPCG(1, 2)), groups: map[string]*model.SemanticGroup{}}
}

func (d *unjoined) run(seconds int) {
	for range seconds {
		for range 10 {
			failed := d.rng.Float64() < d.fails
			start := d.at + model.Nanos(d.rng.IntN(1e9))
			for i, name := range []string{"web", "orders", "payment"} {
				took := model.Nanos((1 + d.rng.Float64()) * 1e6 * float64(3-i))
				if name == "web" {
					took += model.Nanos(d.slow * 1e6)
				}
				var id model.TraceID
				for at := range id {
					id[at] = byte(d.rng.Uint32())
				}
				span := model.Span{TraceID: id, SpanID: model.SpanID{1}, Name: "GET", Kind: kindServer, Start: start, End: start + took, Resource: onDesk(name)}
				if failed {
					span.StatusCode = model.StatusError
				}
				d.e.ObserveSpans([]model.Span{span})
				if i > 0 {
					call := span
					call.SpanID, call.Kind, call.Resource = model.SpanID{2}, kindClient, onDesk([]string{"web", "orders"}[i-1])
					call.TraceID[0]++
					call.Attributes = text("peer.service", name)
					d.e.ObserveSpans([]model.Span{call})
				}
			}
		}
		d.at += second
		for _, f := range d.e.Flush(d.at) {
			if g, ok := f.(*model.SemanticGroup); ok {
				d.groups[g.ID] = g
			}
		}
	}
}

func (d *unjoined) incidents() (titles []string) {
	for _, g := range d.groups {
		if g.Kind == model.GroupIncident {
			titles = append(titles, g.RootCause.Factors[0].Entity.Name+": "+g.Title)
		}
	}
	return titles
}

// A second fault is a separate incident even if no span has a parent in another service.
func TestTwoFaultsOfAHostAreTwoIncidents(t *testing.T) {
	for name, between := range map[string]func(d *unjoined){
		"one after the other": func(d *unjoined) {
			d.fails = 0
			d.run(70)
		},
		"at the same time": func(*unjoined) {},
	} {
		t.Run(name, func(t *testing.T) {
			d := newUnjoined(t)
			d.run(120)
			require.Empty(t, d.incidents())
			d.fails = 0.5
			d.run(40)
			require.Len(t, d.incidents(), 1)
			assert.Contains(t, d.incidents()[0], "payment: ")
			between(d)
			d.slow = 500
			d.run(60)
			assert.Len(t, d.incidents(), 2, "%q", d.incidents())
		})
	}
}

// A caller that tries again is slow because its calls fail: no second incident.
func TestACallerThatTriesAgainIsNoSecondFault(t *testing.T) {
	d := newUnjoined(t)
	d.run(120)
	d.fails = 1
	d.run(40)
	d.slow = 100
	d.run(60)
	require.Len(t, d.incidents(), 1, "%q", d.incidents())
	assert.Contains(t, d.incidents()[0], "payment: ")
}
