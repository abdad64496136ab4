// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"net/netip"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/semconv"
	"github.com/tapio/tapio/internal/store/budget"
	"github.com/tapio/tapio/internal/store/intern"
)

// callBytes is charged for a span that the graph holds until it is joined with
// the others of its trace.
const callBytes = 128

// call is what the graph keeps of a span.
type call struct {
	trace          model.TraceID
	span, parent   model.SpanID
	start, took    model.Nanos
	service, peer  int32 // places among the graph's services and peers; peer -1: none
	kind           int8
	failed, kernel bool
	selected       bool
	answered       bool // a client's span with a server's below it
}

// peer is what a span says of the other end of a call.
type peer struct {
	kind    model.NodeType
	name    string // of the service, database or queue; "" if only its address is known
	system  string
	address string // host, or host:port
	socket  string // address and port of the connection
}

// grapher joins the spans of a range to the calls between services.
type grapher struct {
	account   *budget.Account
	selects   func(*model.Span) bool
	service   model.LabelKey
	services  intern.Table[string]
	peers     intern.Table[peer]
	calls     []call
	aliases   map[string]string // services, by where they listen
	requests  map[int32]*serviceTally
	systems   map[int32]string // database or messaging systems that services are
	truncated bool
	spans     uint64
}

// GetServiceGraph implements query.Discoverer.
func (s *Store) GetServiceGraph(ctx context.Context, q model.GraphQuery) (model.ServiceGraph, error) {
	a := s.budget.Account(ctx)
	defer a.Close()
	g := &grapher{
		account: a, selects: spanMatcher(model.TraceQuery{Filter: q.Filter})(), service: model.NewLabelKey(semconv.ServiceName),
		services: intern.NewTable[string](), peers: intern.NewTable[peer](), aliases: map[string]string{},
		requests: map[int32]*serviceTally{}, systems: map[int32]string{},
	}
	// The other end of a call that is selected may not be.
	spans := s.scanSpans(model.TraceQuery{Filter: model.Filter{Time: q.Filter.Time}}, a)
	if err := spans.each(ctx, g.add); err != nil && (!isExhausted(err) || !g.truncated) {
		return model.ServiceGraph{}, err
	}
	q.Filter.Time = s.covered(q.Filter.Time)
	return g.graph(&q)
}

// add takes a span. The newest come first, so that those above the memory of a query
// are the oldest.
func (g *grapher) add(s *model.Span) error {
	if err := g.account.Take(callBytes); err != nil {
		g.truncated = len(g.calls) > 0
		return err
	}
	g.spans++
	c := call{
		trace: s.TraceID, span: s.SpanID, parent: s.ParentID, start: s.Start, took: s.Duration(), peer: -1, kind: int8(s.Kind),
		failed: s.StatusCode == model.StatusError, kernel: fromKernel(s.Labels()), selected: g.selects(s),
		service: int32(g.services.Place(textOf(s.Labels(), g.service))),
	}
	if s.Kind != kindInternal && s.Kind != 0 {
		p := peerOf(s)
		g.learn(s, &p, g.services.Values[c.service])
		c.peer = int32(g.peers.Place(p))
	}
	if isRequest(s.Kind) && c.selected {
		g.count(s, &c)
	}
	g.calls = append(g.calls, c)
	return nil
}

func (g *grapher) count(s *model.Span, c *call) {
	t, known := g.requests[c.service]
	if !known {
		t = &serviceTally{}
		g.requests[c.service] = t
	}
	if c.kernel {
		t.seen.addSpan(s)
	} else {
		t.own.addSpan(s)
	}
}

// learn notes where services listen: as they or the kernel say, or as clients that
// know both a name and an address do.
func (g *grapher) learn(s *model.Span, p *peer, service string) {
	switch s.Kind {
	case kindServer:
		if socket := listenerOf(s); socket != "" && service != "" {
			g.alias(socket, service)
		}
	case kindClient:
		if v, found := s.Attributes.Get(semconv.PeerService); found && v.Text() != "" {
			g.alias(p.socket, v.Text())
			g.alias(p.address, v.Text())
		}
	}
}

func (g *grapher) alias(where, service string) {
	if where != "" && g.aliases[where] == "" {
		g.aliases[where] = service
	}
}

// peerOf returns what a span says of the other end.
func peerOf(s *model.Span) peer {
	get := func(names ...string) string {
		for _, name := range names {
			if v, found := s.Attributes.Get(name); found && v.Text() != "" {
				return v.Text()
			}
		}
		return ""
	}
	if s.Kind == kindServer {
		return peer{system: get(semconv.DBSystemName, semconv.DBSystem)}
	}
	p := peer{kind: model.NodeExternal, name: get(semconv.PeerService)}
	p.address = withPort(get(semconv.ServerAddress, semconv.NetPeerName, semconv.NetSockPeerName), get(semconv.ServerPort, semconv.NetPeerPort), s.Resource)
	p.socket = withPort(get(semconv.NetworkPeerAddress, semconv.NetSockPeerAddr, semconv.NetPeerIP),
		get(semconv.NetworkPeerPort, semconv.NetSockPeerPort, semconv.ServerPort), s.Resource)
	if system := get(semconv.MessagingSystem); system != "" {
		p.kind, p.system = model.NodeMessaging, system
		p.name = get(semconv.MessagingDestinationName, semconv.MessagingDestination, semconv.PeerService)
		p.address, p.socket = "", ""
		return p
	}
	if system := get(semconv.DBSystemName, semconv.DBSystem); system != "" {
		p.kind, p.system = model.NodeDatabase, system
		if p.name == "" && p.address == "" && p.socket == "" {
			p.name = get(semconv.DBNamespace, semconv.DBName)
		}
	}
	if p.name == "" && p.address == "" && p.socket == "" {
		p.name = get(semconv.RPCService, semconv.FaasInvokedName)
	}
	return p
}

// listenerOf returns where a server's span was answered.
func listenerOf(s *model.Span) string {
	address, _ := s.Attributes.Get(semconv.ServerAddress)
	port, _ := s.Attributes.Get(semconv.ServerPort)
	return withPort(address.Text(), port.Text(), s.Resource)
}

// withPort joins an address with its port, and one of loopback with the host that it
// is on: elsewhere it is another one.
func withPort(address, port string, on *model.Resource) string {
	if address == "" {
		return ""
	}
	ip, err := netip.ParseAddr(address)
	if address == "localhost" || err == nil && ip.IsLoopback() {
		host, _ := on.Attributes.Get(semconv.HostName)
		address = host.Text() + "/" + address
	}
	if port == "" || port == "0" {
		return address
	}
	return address + ":" + port
}
