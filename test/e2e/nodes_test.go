// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"crypto/rand"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	collogs "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	coltrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	logs "go.opentelemetry.io/proto/otlp/logs/v1"
	trace "go.opentelemetry.io/proto/otlp/trace/v1"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// onFreePorts is an example configuration without fixed ports and without the kernel.
func onFreePorts(t *testing.T, name string) string {
	t.Helper()
	config, err := os.ReadFile(filepath.Join("..", "..", "distribution", "config", "examples", name))
	require.NoError(t, err)
	return strings.NewReplacer(
		"${env:TAPIO_LISTEN:-0.0.0.0}:4317", "localhost:0", "localhost:4317", "localhost:0", "localhost:13133", "localhost:0",
		"  ebpf: {}\n", "", ", ebpf]", "]",
		"service:\n", "service:\n  telemetry: {logs: {encoding: json}, metrics: {level: none}}\n",
	).Replace(string(config))
}

func ownPorts() []string {
	return []string{"--set=extensions::tapio::grpc::endpoint=localhost:0", "--set=extensions::tapio::http::endpoint=localhost:0"}
}

// fleet is a gateway and three nodes: shop runs on node-a, its database on node-b, and report,
// which needs neither, on node-c.
type fleet struct {
	gateway *Collector
	agents  map[string]*Collector
	at      time.Time
	points  float64 // of summaries, sent by now
	slow    time.Duration
}

func newFleet(t *testing.T, gatewayArgs ...string) *fleet {
	t.Helper()
	f := &fleet{agents: map[string]*Collector{}, at: time.Now().Add(-15 * time.Minute).Truncate(5 * time.Second)}
	f.gateway = Start(t, onFreePorts(t, "nodes-gateway.yaml"), append(ownPorts(), gatewayArgs...)...)
	for _, node := range []string{"node-a", "node-b", "node-c"} {
		f.agents[node] = Start(t, onFreePorts(t, "nodes-agent.yaml"), append(ownPorts(),
			"--set=connectors::node_summary::node="+node, "--set=connectors::node_summary::interval=1s",
			"--set=exporters::otlp_grpc/gateway::endpoint="+f.gateway.OTLPGRPC)...)
	}
	return f
}

// request is a request to a service, and a call of it to a database if peer is not empty.
func (f *fleet) request(spans []*trace.Span, took time.Duration, peer string) []*trace.Span {
	id := make([]byte, 32)
	_, _ = rand.Read(id)
	span := func(from, parent []byte, name string, kind trace.Span_SpanKind, took time.Duration, attributes ...*common.KeyValue) *trace.Span {
		return &trace.Span{
			TraceId: id[:16], SpanId: from, ParentSpanId: parent, Name: name, Kind: kind, Attributes: attributes,
			StartTimeUnixNano: nanos(f.at.Add(-took)), EndTimeUnixNano: nanos(f.at),
		}
	}
	spans = append(spans, span(id[16:24], nil, "GET /buy", trace.Span_SPAN_KIND_SERVER, took, text("http.request.method", "GET"), text("http.route", "/buy")))
	if peer != "" {
		spans = append(spans, span(id[24:], id[16:24], "SELECT", trace.Span_SPAN_KIND_CLIENT, took-took/8,
			text("db.system.name", "postgresql"), text("db.operation.name", "SELECT"), text("server.address", peer)))
	}
	return spans
}

// goesOn lets five seconds of event time pass on all nodes, and waits until the gateway has
// the summaries of them.
func (f *fleet) goesOn(t *testing.T, api api) {
	t.Helper()
	f.at = f.at.Add(5 * time.Second)
	for node, service := range map[string]string{"node-a": "shop", "node-c": "report"} {
		var spans []*trace.Span
		for i := range 60 {
			took := time.Duration(20+i%15) * time.Millisecond
			if node == "node-a" {
				spans = f.request(spans, took+f.slow, "orders-db")
			} else {
				spans = f.request(spans, took, "")
			}
		}
		sendGRPC(t, f.agents[node], &coltrace.ExportTraceServiceRequest{ResourceSpans: []*trace.ResourceSpans{{
			Resource: origin("service.name", service), ScopeSpans: []*trace.ScopeSpans{{Spans: spans}},
		}}})
	}
	records := []*logs.LogRecord{{TimeUnixNano: nanos(f.at), SeverityNumber: 9, Body: text("", "checkpoint complete").Value}}
	if f.slow > 0 {
		for range 4 {
			records = append(records, &logs.LogRecord{TimeUnixNano: nanos(f.at), SeverityNumber: 13, EventName: "tapio.syscall.slow", Attributes: []*common.KeyValue{
				text("tapio.syscall.name", "fsync"), {Key: "tapio.syscall.duration", Value: &common.AnyValue{Value: &common.AnyValue_DoubleValue{DoubleValue: 1.9}}},
			}})
		}
	}
	sendGRPC(t, f.agents["node-b"], &collogs.ExportLogsServiceRequest{ResourceLogs: []*logs.ResourceLogs{{
		Resource: origin("service.name", "orders-db", "host.name", "node-b"), ScopeLogs: []*logs.ScopeLogs{{LogRecords: records}},
	}}})
	f.points += 3
	eventually(t, callLimit, func() bool { return arrived(t, api, "metrics") >= f.points }, "the gateway has the summaries")
}

// groups lists the incidents at the gateway by their state; observations are left out.
func (f *fleet) groups(t *testing.T, api api) (own []*tapiov1.SemanticGroup, merged map[string]string) {
	t.Helper()
	found, err := api.events.GetSemanticGroups(bounded(t), &tapiov1.GetSemanticGroupsRequest{Kinds: []tapiov1.SemanticGroup_Kind{tapiov1.SemanticGroup_KIND_INCIDENT}})
	require.NoError(t, err)
	merged = map[string]string{}
	for _, g := range found.GetGroups() {
		if g.GetState() == tapiov1.SemanticGroup_STATE_MERGED {
			merged[g.GetId()] = g.GetMergedInto()
		} else {
			own = append(own, g)
		}
	}
	return own, merged
}

// The disk of the database's node is slow. Node-a sees calls to the database wait, node-b sees
// the database wait for its disk, and no node sees both: the gateway reports one incident that
// names the database, the node and the disk, and pages once. No record of a request leaves its
// node.
func TestAFaultAcrossNodesIsOneIncident(t *testing.T) {
	t.Parallel()
	p := newPager(t)
	f := newFleet(t, p.notifying()...)
	api := apiOf(t, f.gateway)
	for range 70 {
		f.goesOn(t, api)
	}
	own, _ := f.groups(t, api)
	require.Empty(t, own)
	f.slow = 900 * time.Millisecond
	var g *tapiov1.SemanticGroup
	for range 60 {
		f.goesOn(t, api)
		own, merged := f.groups(t, api)
		require.LessOrEqual(t, len(own), 1)
		if len(own) == 1 && len(merged) > 0 && strings.Contains(own[0].GetTitle(), "disk") {
			g = own[0]
			for id, into := range merged {
				require.Equal(t, g.GetId(), into, "incident %s of a node is part of the one of the gateway", id)
			}
			break
		}
	}
	require.NotNil(t, g, "one incident, of which that of node-a is a part")
	cause := g.GetRootCause().GetCausalFactors()[0]
	require.Equal(t, "orders-db", cause.GetEntity().GetName(), g.GetTitle())
	require.Contains(t, cause.GetReason(), "fsync")
	nodes := []string{}
	for _, within := range cause.GetWithin() {
		if within.GetKind() == tapiov1.Entity_KIND_NODE {
			nodes = append(nodes, within.GetName())
		}
	}
	require.Equal(t, []string{"node-b"}, nodes)
	require.Contains(t, g.GetTitle(), "on node-b")
	require.Contains(t, g.GetServices(), "shop")
	require.NotContains(t, g.GetServices(), "report")
	require.Zero(t, arrived(t, api, "traces"), "spans stay on their nodes")

	require.Contains(t, p.await(t, "/hook", 1)[0], "orders-db")
	for _, body := range p.bodies("/hook") {
		require.Contains(t, body, g.GetId(), "no one is paged for the incident of a node")
	}
}
