// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/model"
)

// world is a system in event time: services with replicas on nodes, stores that send
// nothing, queues, pauses, retries and periodic jobs.
type world struct {
	t     testing.TB
	rng   *rand.Rand
	e     *Engine
	at    model.Nanos
	ids   uint64
	last  map[string]*model.SemanticGroup
	parts map[string]*member
	entry []string
	// rate is how many requests come in a second.
	rate   func(w *world) float64
	faults []trouble
	pauses float64 // of a replica, in an hour
	errors float64 // share of calls that fail by chance
	warm   map[string]model.Nanos
	paused map[string]model.Nanos
	known  map[string]*model.Resource
	carry  float64
	sample float64 // share of traces that are kept, 0 for all
	// retries of a call that fails, and milliseconds before each.
	retries int
	backOff float64
}

// member is a service, or what it calls that sends nothing.
type member struct {
	name     string
	replicas int
	nodes    int // it runs on, from the first
	own      float64
	calls    []string
	silent   model.Attributes // of its callers' spans, where it sends none itself
	version  string
	first    int  // number of the first replica
	tolerant bool // it goes on if a call fails
}

// trouble is what goes wrong at times.
type trouble struct {
	service string
	replica int // from 1; 0 for each
	node    string
	caller  string
	share   float64 // of the calls, 0 for all
	millis  float64 // added
	fails   string
	during  func(w *world) bool
}

func newWorld(t testing.TB, seed uint64, members ...member) *world {
	t.Helper()
	e, err := New(Config{})
	require.NoError(t, err)
	w := &world{
		t: t, rng: rand.New(rand.NewPCG(seed, 9)), e: e, at: begin - begin%(24*hour), last: map[string]*model.SemanticGroup{}, parts: map[string]*member{},
		rate: func(*world) float64 { return 2 }, warm: map[string]model.Nanos{}, paused: map[string]model.Nanos{}, known: map[string]*model.Resource{},
	}
	for i := range members {
		m := &members[i]
		m.replicas, m.nodes = max(m.replicas, 1), max(m.nodes, 1)
		w.parts[m.name] = m
	}
	w.entry = []string{members[0].name}
	return w
}

func text(kv ...string) (a model.Attributes) {
	for i := 0; i < len(kv); i += 2 {
		a = append(a, model.KeyValue{Key: kv[i], Value: model.StringValue(kv[i+1])})
	}
	return a
}

func (w *world) resource(m *member, replica int) (*model.Resource, string, string) {
	n := m.first + replica
	pod, node := fmt.Sprintf("%s-%d", m.name, n), fmt.Sprintf("node-%d", n%m.nodes)
	key := pod + m.version
	if w.known[key] == nil {
		w.known[key] = &model.Resource{Attributes: text("service.name", m.name, "k8s.pod.name", pod, "k8s.node.name", node,
			"service.instance.id", pod+"-id", "service.version", m.version)}
	}
	return w.known[key], pod, node
}

func (w *world) id() (id model.SpanID) {
	w.ids++
	binary.BigEndian.PutUint64(id[:], w.ids)
	return id
}

// hit is what troubles a call.
func (w *world) hit(service string, replica int, node, caller string) (millis float64, fails string) {
	for _, f := range w.faults {
		if f.service != "" && f.service != service || f.replica > 0 && f.replica != replica+1 || f.node != "" && f.node != node || f.caller != "" && f.caller != caller {
			continue
		}
		if f.during(w) && (f.share == 0 || w.rng.Float64() < f.share) {
			millis += f.millis * (0.7 + 0.6*w.rng.Float64())
			if f.fails != "" {
				fails = f.fails
			}
		}
	}
	return millis, fails
}

// batch is what one request sends.
type sentBy struct {
	spans  []model.Span
	events []model.Event
}

// serve runs a request of a service and returns when it ends and how it failed.
func (w *world) serve(b *sentBy, trace model.TraceID, parent model.SpanID, service, caller string, start model.Nanos) (model.Nanos, string) {
	m := w.parts[service]
	replica := w.rng.IntN(m.replicas)
	resource, pod, node := w.resource(m, replica)
	id := w.id()
	extra, fails := w.hit(service, replica, node, caller)
	own := m.own*math.Exp(0.35*w.rng.NormFloat64()) + extra
	if w.rng.IntN(200) == 0 {
		own *= 5 // tails are heavy
	}
	if w.pauses > 0 && w.rng.Float64() < w.pauses/3600/w.rate(w)*float64(m.replicas) {
		w.paused[pod] = start + model.Nanos(200e6+500e6*w.rng.Float64())
	}
	if began, found := w.warm[pod]; !found {
		w.warm[pod] = start
	} else if start < began+20*second && w.at > begin {
		own *= 6
	}
	end := start + model.Nanos(own*1e6)
	end = max(end, w.paused[pod])
	for _, callee := range m.calls {
		done, failed := w.call(b, trace, id, resource, service, callee, end)
		for n := 0; failed != "" && n < w.retries; n++ {
			done, failed = w.call(b, trace, id, resource, service, callee, done+model.Nanos(w.backOff*1e6))
		}
		if end = done; failed != "" && fails == "" && !m.tolerant {
			fails = "call to " + callee + " failed: " + failed
		}
	}
	if fails == "" && w.rng.Float64() < w.errors {
		fails = "temporary failure"
	}
	status := int32(0)
	if fails != "" {
		status = model.StatusError
		b.events = append(b.events, model.Event{Time: end, TraceID: trace, SpanID: id, Resource: resource, SeverityNumber: 17, Body: model.StringValue(fails)})
	}
	b.spans = append(b.spans, model.Span{
		TraceID: trace, SpanID: id, ParentID: parent, Name: "GET /" + service, Kind: kindServer, Start: start, End: end, StatusCode: status, Resource: resource,
	})
	return end, fails
}

// call is a client span with what is below it.
func (w *world) call(b *sentBy, trace model.TraceID, parent model.SpanID, resource *model.Resource, caller, callee string, start model.Nanos) (end model.Nanos, fails string) {
	m, client := w.parts[callee], w.id()
	span := model.Span{TraceID: trace, SpanID: client, ParentID: parent, Name: "GET", Kind: kindClient, Start: start, Resource: resource}
	if m.silent != nil {
		extra, failed := w.hit(callee, 0, "", caller)
		span.Attributes, span.Name = m.silent, "SELECT "+caller
		span.End = start + model.Nanos((m.own*math.Exp(0.35*w.rng.NormFloat64())+extra)*1e6)
		if fails = failed; fails != "" {
			span.StatusCode, span.StatusMessage = model.StatusError, fails
		}
	} else {
		span.Attributes = text("server.address", callee+".shop.svc.cluster.local")
		done, failed := w.serve(b, trace, client, callee, caller, start+500_000)
		span.End = done + 500_000
		if fails = failed; fails != "" {
			span.StatusCode = model.StatusError
		}
	}
	b.spans = append(b.spans, span)
	return span.End, fails
}

// run lets seconds go by.
func (w *world) run(seconds int) {
	for range seconds {
		var b sentBy
		for w.carry += w.rate(w); w.carry >= 1; w.carry-- {
			var trace model.TraceID
			binary.BigEndian.PutUint64(trace[:], w.rng.Uint64())
			var one sentBy
			w.serve(&one, trace, model.SpanID{}, w.entry[w.rng.IntN(len(w.entry))], "", w.at+model.Nanos(w.rng.Float64()*1e9))
			b.events = append(b.events, one.events...)
			if w.sample == 0 || w.rng.Float64() < w.sample {
				b.spans = append(b.spans, one.spans...)
			}
		}
		w.e.ObserveEvents(b.events)
		w.e.ObserveSpans(b.spans)
		w.at += second
		w.flush()
	}
}

func (w *world) flush() {
	for _, f := range w.e.Flush(w.at) {
		if g, ok := f.(*model.SemanticGroup); ok {
			w.last[g.ID] = g
		}
	}
}

func (w *world) after(seconds int) func(*world) bool {
	since := w.at + model.Nanos(seconds)*second
	return func(w *world) bool { return w.at >= since }
}

// reported lists the incidents, for a failing test to say.
func (w *world) reported() (list []string) {
	for _, id := range slices.Sorted(maps.Keys(w.last)) {
		g := w.last[id]
		line := fmt.Sprintf("%s %v %s", clock(g.Range.Start), g.State, g.Title)
		for i := range g.RootCause.Factors[:min(3, len(g.RootCause.Factors))] {
			f := &g.RootCause.Factors[i]
			line += fmt.Sprintf("\n    %.2f %s: %s", f.Probability, f.Entity.Name, f.Reason)
		}
		list = append(list, line)
	}
	return list
}

// cause is that of the only incident that is no effect of another.
func (w *world) cause() *model.CausalFactor {
	w.t.Helper()
	var open []*model.SemanticGroup
	for _, g := range w.last {
		if g.State != model.GroupMerged {
			open = append(open, g)
		}
	}
	require.Len(w.t, open, 1, "%v", w.reported())
	return &open[0].RootCause.Factors[0]
}

func database(name string) model.Attributes {
	return text("db.system.name", "postgresql", "server.address", name+".data.svc")
}

// shopWorld is a web shop of nine members.
func shopWorld(t testing.TB, seed uint64) *world {
	return newWorld(t, seed,
		member{name: "web", replicas: 2, nodes: 3, own: 5, calls: []string{"orders", "catalog"}},
		member{name: "orders", replicas: 5, nodes: 3, own: 8, calls: []string{"payment", "inventory", "postgres"}},
		member{name: "catalog", replicas: 3, nodes: 3, own: 4, calls: []string{"postgres", "redis"}},
		member{name: "payment", replicas: 3, nodes: 3, own: 10, calls: []string{"bank"}},
		member{name: "inventory", replicas: 3, nodes: 3, own: 6, calls: []string{"postgres"}},
		member{name: "postgres", own: 8, silent: database("postgres")},
		member{name: "redis", own: 1, silent: text("db.system.name", "redis", "server.address", "redis")},
		member{name: "bank", own: 60, silent: text("server.address", "api.bank.com")},
	)
}
