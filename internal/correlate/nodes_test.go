// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/model"
)

// fleet is what a gateway gets of three nodes: summaries of ten seconds, and what their
// engines find. shop and report run on node-a and node-c, the database on node-b.
type fleet struct {
	*shop
	resources map[string]*model.Resource
	slow      float64 // milliseconds that the database takes more
	failing   float64 // share of calls to the database
	spans     bool    // the database sends a summary of its own
	byAddress bool    // clients know the address of the database only
}

func newFleet(t *testing.T) *fleet {
	t.Helper()
	return &fleet{shop: newShop(t, Config{}), resources: map[string]*model.Resource{}}
}

func (f *fleet) of(service, node string) *model.Resource {
	key := service + "@" + node
	if f.resources[key] == nil {
		f.resources[key] = &model.Resource{Attributes: text("service.name", service, "host.name", node, "tapio.source", model.NodeSummarySource)}
	}
	return f.resources[key]
}

// count adds a point for requests of which a share fails.
func (f *fleet) count(resource *model.Resource, metric string, n int, millis, failing float64, attributes ...string) {
	const scale = 3
	for _, failed := range []bool{false, true} {
		x := &model.ExponentialHistogram{Scale: scale, Positive: model.Buckets{Offset: -80, Counts: make([]uint64, 160)}}
		for range n {
			if (f.rng.Float64() < failing) == failed {
				seconds := millis / 1000 * math.Exp(0.3*f.rng.NormFloat64())
				x.Positive.Counts[int(math.Ceil(math.Log2(seconds)*8))-1+80]++
				x.Count++
				x.Sum.Value, x.Sum.Set = x.Sum.Value+seconds, true
			}
		}
		of := text(attributes...)
		if failed {
			of = append(of, text("error.type", "timeout")...)
		}
		if x.Count > 0 {
			f.e.ObservePoints([]model.Point{{Time: f.at, Start: f.at - 10*second, Exponential: x, Series: &model.Series{
				Resource: resource, Attributes: of,
				Metric: &model.Metric{Name: metric, Unit: "s", Type: model.MetricExponentialHistogram, Temporality: model.TemporalityDelta},
			}}})
		}
	}
}

// lives goes on for so many intervals of ten seconds.
func (f *fleet) lives(intervals int, each func()) {
	peer := []string{"db.system.name", "postgresql", "db.operation.name", "SELECT"}
	if f.byAddress {
		peer = append(peer, "network.peer.address", "10.0.0.2", "network.peer.port", "5432")
	} else {
		peer = append(peer, "server.address", "orders-db")
	}
	for range intervals {
		f.at += 10 * second
		n := 150 + f.rng.IntN(100)
		f.count(f.of("shop", "node-a"), "http.server.request.duration", n, 30+f.slow, f.failing, "http.request.method", "GET", "http.route", "/buy")
		f.count(f.of("shop", "node-a"), "db.client.operation.duration", n, 8+f.slow, f.failing, peer...)
		f.count(f.of("report", "node-c"), "http.server.request.duration", n, 15, 0, "http.request.method", "GET", "http.route", "/report")
		if f.spans {
			f.count(f.of("orders-db", "node-b"), "traces.span.metrics.duration", n, 7+f.slow, f.failing, "span.kind", "SPAN_KIND_SERVER", "span.name", "SELECT",
				"network.local.address", "10.0.0.2", "network.local.port", "5432")
		}
		if each != nil {
			each()
		}
		f.flush()
	}
}

// reports is the group that the engine of a node reports by now.
func (f *fleet) reports(id string, kind model.GroupKind, sort model.GroupType, cause model.Entity, reason string, since model.Nanos, state model.GroupState) *model.SemanticGroup {
	return &model.SemanticGroup{
		FindingIdentity: model.FindingIdentity{ID: id, Revision: 1, Time: f.at}, Kind: kind, Type: sort, State: state, Confidence: 0.9,
		Title: reason, Range: model.TimeRange{Start: since, End: f.at},
		RootCause: model.RootCause{Confidence: 0.9, Factors: []model.CausalFactor{{Rank: 1, Entity: cause, Probability: 0.9, Reason: reason}}},
	}
}

// The callers on node-a see the database slow, node-b sees its disk slow: one incident names
// the database, the node and the disk.
func TestFindingsOfNodesAndCallsOfOthersAreOneIncident(t *testing.T) {
	for name, byAddress := range map[string]bool{"by name": false, "by address": true} {
		t.Run(name, func(t *testing.T) {
			f := newFleet(t)
			f.spans, f.byAddress = byAddress, byAddress
			f.lives(60, nil)
			require.Empty(t, f.last)
			f.slow = 900
			since := f.at
			peer := model.Entity{Kind: model.EntityPeer, Name: "orders-db"}
			if byAddress {
				peer.Name = "10.0.0.2:5432"
			}
			f.lives(12, func() {
				f.e.ObserveGroup(f.reports("a", model.GroupIncident, model.GroupDependency, peer, "shop → orders-db: calls take 900 ms (baseline 8 ms)", since, model.GroupOpen), "node-a", "")
				f.e.ObserveGroup(f.reports("b", model.GroupObservation, model.GroupResourceExhaustion, serviceEntity("orders-db"),
					"orders-db waits long for its disk: fsync takes up to 2 s", since, model.GroupOpen), "node-b", "r")
			})
			g := f.only(t)
			assert.Equal(t, model.GroupIncident, g.Kind)
			cause := &g.RootCause.Factors[0]
			assert.Equal(t, "orders-db", cause.Entity.Name, g.RootCause.Summary)
			assert.Equal(t, model.EntityService, cause.Entity.Kind)
			assert.Contains(t, cause.Reason, "waits long for its disk")
			assert.Contains(t, cause.Within, model.Entity{Kind: model.EntityNode, Name: "node-b"})
			assert.Contains(t, g.Title, "orders-db waits long for its disk on node-b since ")
			assert.Equal(t, model.GroupResourceExhaustion, g.Type)
			assert.Contains(t, g.Services, "shop")
			assert.NotContains(t, g.Services, "report")
			for _, id := range []string{"a", "b"} {
				assert.Equal(t, g.ID, f.e.MergedInto(id))
			}

			f.slow = 0
			f.lives(12, func() {
				f.e.ObserveGroup(f.reports("b", model.GroupObservation, model.GroupResourceExhaustion, serviceEntity("orders-db"), "orders-db waits long for its disk", since, model.GroupClosed), "node-b", "r")
			})
			assert.Equal(t, model.GroupResolved, f.only(t).State)
		})
	}
}

// Summaries alone name the cause, and who suffers from it.
func TestSummariesOfNodesAreEnough(t *testing.T) {
	for name, failing := range map[string]float64{"slow": 0, "failing": 0.3} {
		t.Run(name, func(t *testing.T) {
			f := newFleet(t)
			f.lives(60, nil)
			require.Empty(t, f.last)
			if f.failing = failing; failing == 0 {
				f.slow = 900
			}
			f.lives(9, nil)
			g := f.only(t)
			assert.Equal(t, model.GroupIncident, g.Kind, g.Title)
			assert.Equal(t, "orders-db", g.RootCause.Factors[0].Entity.Name, g.Title)
			require.NotEmpty(t, g.Impact.Operations)
			assert.Equal(t, "shop", g.Impact.Operations[0].Service)
		})
	}
}

// An incident that only its node can see is one here too, until the node reports its end; an
// observation of a node is none.
func TestAnIncidentOfANodeStaysOneIncident(t *testing.T) {
	f := newFleet(t)
	f.lives(60, nil)
	since, state := f.at, model.GroupOpen
	report := func() {
		f.e.ObserveGroup(f.reports("c", model.GroupIncident, model.GroupFailureCascade, serviceEntity("batch"), "batch crashed", since, state), "node-c", "")
		f.e.ObserveGroup(f.reports("d", model.GroupObservation, model.GroupResourceExhaustion, serviceEntity("cron"), "cron waits long for a CPU", since, state), "node-c", "")
	}
	f.lives(6, report)
	g := f.only(t)
	assert.Equal(t, model.GroupIncident, g.Kind)
	assert.Equal(t, g.ID, f.e.MergedInto("c"))
	assert.Empty(t, f.e.MergedInto("d"))
	assert.Contains(t, g.Title, "batch crashed on node-c since ")
	state = model.GroupResolved
	f.lives(12, report)
	assert.Equal(t, model.GroupResolved, f.only(t).State)
	assert.Equal(t, g.ID, f.e.MergedInto("c"), "further reports arrive")
}

// A thousand nodes that report one cause are one incident, and what is kept of them is bounded.
func TestReportsOfManyNodesAreBounded(t *testing.T) {
	f := newFleet(t)
	f.lives(60, nil)
	since := f.at
	f.lives(6, func() {
		for n := range 5000 {
			node := "node-" + string(rune('a'+n%26)) + string(rune('a'+n/26%26)) + string(rune('a'+n/676))
			f.e.ObserveGroup(f.reports("g-"+node, model.GroupIncident, model.GroupDependency, model.Entity{Kind: model.EntityPeer, Name: "orders-db"},
				"calls to orders-db take 900 ms", since, model.GroupOpen), node, "")
		}
	})
	g := f.only(t)
	assert.Equal(t, "orders-db", g.RootCause.Factors[0].Entity.Name)
	stats := f.e.Stats()
	assert.LessOrEqual(t, stats.MemoryBytes, stats.MemoryLimit)
	assert.Positive(t, stats.Evictions["reported_group"])
}
