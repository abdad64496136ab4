// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/correlate/origin"
	"github.com/tapio/tapio/internal/model"
)

func TestNamesThatABrowserLooksUpAreNoIncident(t *testing.T) {
	desk := &model.Resource{Attributes: text("host.name", "desk", origin.CgroupKey, "/system.slice/docker-1.scope", origin.ProgramKey, "chromium")}
	for name, c := range map[string]struct {
		resource *model.Resource
		calls    [][2]string // caller and callee
		kind     model.GroupKind
	}{
		"a browser":                    {desk, nil, model.GroupObservation},
		"a browser that a test drives": {desk, [][2]string{{"node", "chromium"}}, model.GroupObservation},
		"what a service calls":         {desk, [][2]string{{"proxy", "web"}, {"web", "chromium"}}, model.GroupIncident},
		"a service":                    {&model.Resource{Attributes: text("service.name", "chromium", "host.name", "desk")}, nil, model.GroupIncident},
	} {
		t.Run(name, func(t *testing.T) {
			e, err := New(Config{})
			require.NoError(t, err)
			kinds := map[model.GroupKind]int{}
			at := begin
			for n := range 300 {
				e.ObserveEvents([]model.Event{{Time: at, Name: "app.started", Resource: c.resource, Body: model.StringValue("hello"), Attributes: text(origin.ProgramKey, "chromium")}})
				e.graph.call("chromium", "10.0.0.8:443")
				for _, call := range c.calls {
					e.graph.call(call[0], e.graph.named(call[1]))
				}
				if n > 150 {
					e.ObserveEvents([]model.Event{{
						Time: at, Name: "tapio.dns.lookup_failed", Resource: c.resource,
						Attributes: text(origin.ProgramKey, "chromium", "error.type", "SERVFAIL", "dns.question.name", "accounts.google.com", "network.peer.address", "10.0.0.2"),
					}})
				}
				at += second
				for _, f := range e.Flush(at) {
					if g, ok := f.(*model.SemanticGroup); ok {
						kinds[g.Kind]++
					}
				}
			}
			assert.Positive(t, kinds[c.kind], "%v", kinds)
			if c.kind != model.GroupIncident {
				assert.Zero(t, kinds[model.GroupIncident], "%v", kinds)
			}
		})
	}
}

func TestARolloutThatHardlyAnyoneNoticesIsAChange(t *testing.T) {
	for name, c := range map[string]struct {
		share float64
		lasts int
		kind  model.GroupKind
	}{
		"few requests fail meanwhile": {0.06, 60, model.GroupChange},
		"half of them fail":           {0.5, 60, model.GroupIncident},
		"few go on to fail":           {0.06, 300, model.GroupIncident},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := shopWorld(t, 79)
			w.rate = func(*world) float64 { return 8 }
			w.run(900)
			w.parts["payment"].version = "2.0"
			ends := w.after(c.lasts)
			w.faults = []trouble{{service: "payment", share: c.share, fails: "starting", during: func(w *world) bool { return !ends(w) }}}
			w.run(c.lasts + 120)
			kinds := map[model.GroupKind]bool{}
			for _, g := range w.last {
				kinds[g.Kind] = true
			}
			assert.True(t, kinds[c.kind], "%v", w.reported())
			if c.kind == model.GroupChange {
				assert.False(t, kinds[model.GroupIncident], "%v", w.reported())
			}
		})
	}
}

func TestRequestsThatTheKernelSeesAreNotCountedTwice(t *testing.T) {
	e, err := New(Config{})
	require.NoError(t, err)
	own := &model.Resource{Attributes: text("service.name", "storefront", "telemetry.sdk.language", "go")}
	seen := &model.Resource{Attributes: text("service.name", "storefront", "tapio.source", "ebpf")}
	other := &model.Resource{Attributes: text("service.name", "cart", "tapio.source", "ebpf")}
	at := begin
	for n := range 20 {
		for i, r := range []struct {
			of   *model.Resource
			name string
		}{{own, "GET /products"}, {seen, "GET"}, {other, "GET"}} {
			id := model.TraceID{byte(n + 1), byte(i + 1)}
			e.ObserveSpans([]model.Span{{TraceID: id, SpanID: model.SpanID{1}, Name: r.name, Kind: kindServer, Start: at, End: at + second/100, Resource: r.of}})
		}
		at += second
		e.Flush(at)
	}
	e.Flush(at + 60*second)
	counted := map[string]bool{}
	for key := range e.requests.outcomes.All() {
		counted[key.service+" "+key.what] = true
	}
	assert.Equal(t, map[string]bool{"storefront GET /products": true, "cart GET": true}, counted)
}
