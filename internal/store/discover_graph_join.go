// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"bytes"
	"cmp"
	"slices"
	"strings"

	"github.com/tapio/tapio/internal/model"
)

// edge is the calls from one node to another.
type edge struct {
	client, server string
	// As applications report them, by the client's spans and by the server's, and as
	// the kernel saw them. The same call may be in all.
	byClient, byServer, kernelClient, kernelServer requests
}

// requests returns those that are nearest to what the client waited for.
func (e *edge) requests() (best *requests, kernel bool) {
	for _, r := range []*requests{&e.byClient, &e.byServer} {
		if r.count > 0 {
			return r, false
		}
	}
	if e.kernelClient.count > 0 {
		return &e.kernelClient, true
	}
	return &e.kernelServer, true
}

// graphJoin is the graph in the making.
type graphJoin struct {
	*grapher
	nodes map[string]*model.GraphNode
	edges map[[2]string]*edge
	known map[string]bool // services that have spans
}

// graph joins the spans.
func (g *grapher) graph(q *model.GraphQuery) (model.ServiceGraph, error) {
	j := &graphJoin{grapher: g, nodes: map[string]*model.GraphNode{}, edges: map[[2]string]*edge{}, known: map[string]bool{}}
	for _, name := range g.services.Values {
		j.known[name] = true
	}
	slices.SortFunc(g.calls, compareCalls)
	for i := range g.calls {
		if c := &g.calls[i]; isRequest(int32(c.kind)) {
			j.server(c)
		} else {
			j.child(c)
		}
	}
	for i := range g.calls {
		if c := &g.calls[i]; (c.kind == kindClient || c.kind == kindProducer) && !c.answered {
			j.client(c)
		}
	}
	for place, tally := range g.requests {
		node := j.serviceNode(g.services.Values[place])
		node.RED = tally.requests().red(q.Filter.Time)
		if system := g.systems[place]; system != "" {
			node.System = system
		}
	}
	return j.result(q), nil
}

func compareCalls(a, b call) int {
	return cmp.Or(bytes.Compare(a.span[:], b.span[:]), bytes.Compare(a.trace[:], b.trace[:]))
}

// parentOf finds the span that a span names as its parent.
func (j *graphJoin) parentOf(c *call) *call {
	if c.parent.IsZero() {
		return nil
	}
	i, found := slices.BinarySearchFunc(j.calls, call{trace: c.trace, span: c.parent}, compareCalls)
	if !found {
		return nil
	}
	return &j.calls[i]
}

// server takes a server's or consumer's span: the call of its parent's service.
func (j *graphJoin) server(c *call) {
	p := j.peers.Values[c.peer]
	if p.system != "" && c.kind == kindServer {
		j.systems[c.service] = p.system
	}
	to := j.serviceNode(j.services.Values[c.service])
	if c.kind == kindConsumer && p.kind == model.NodeMessaging {
		j.edge(j.peerNode(&p), to, c, c)
		return
	}
	parent := j.parentOf(c)
	if parent == nil || parent.service == c.service && parent.kind != kindClient && parent.kind != kindProducer {
		return
	}
	from := j.serviceNode(j.services.Values[parent.service])
	if parent.kind == kindClient || parent.kind == kindProducer {
		parent.answered = true
		j.edge(from, to, parent, c)
		return
	}
	j.edge(from, to, c, c)
}

// child takes a span of another kind: if its parent is of another service, that one
// called, though the service has no server's span of it.
func (j *graphJoin) child(c *call) {
	parent := j.parentOf(c)
	if parent == nil || parent.service == c.service || parent.kernel != c.kernel {
		return
	}
	by := c
	if parent.kind == kindClient || parent.kind == kindProducer {
		parent.answered, by = true, parent
	}
	j.edge(j.serviceNode(j.services.Values[parent.service]), j.serviceNode(j.services.Values[c.service]), by, c)
}

// client takes a client's or producer's span that no server's span answers.
func (j *graphJoin) client(c *call) {
	p := j.peers.Values[c.peer]
	to := j.peerNode(&p)
	if to == nil {
		return
	}
	j.edge(j.serviceNode(j.services.Values[c.service]), to, c, c)
}

// edge counts a call as reported by a span; it is selected if either end is.
func (j *graphJoin) edge(from, to *model.GraphNode, by, other *call) {
	if !by.selected && !other.selected {
		return
	}
	key := [2]string{from.ID, to.ID}
	e, known := j.edges[key]
	if !known {
		e = &edge{client: from.ID, server: to.ID}
		j.edges[key] = e
	}
	isClient := by.kind == kindClient || by.kind == kindProducer
	r := &e.byServer
	switch {
	case by.kernel && isClient:
		r = &e.kernelClient
	case by.kernel:
		r = &e.kernelServer
	case isClient:
		r = &e.byClient
	}
	r.count++
	if by.failed {
		r.errors++
	}
	r.took.Add(model.DurationBucket(by.took), 1)
	r.extent.add(extent{by.start, by.start})
}

func (j *graphJoin) serviceNode(name string) *model.GraphNode {
	return j.node(model.GraphNode{ID: "service:" + name, Type: model.NodeService, Name: name})
}

func (j *graphJoin) node(n model.GraphNode) *model.GraphNode {
	known, found := j.nodes[n.ID]
	if !found {
		known = &n
		j.nodes[n.ID] = known
	}
	if known.System == "" {
		known.System = n.System
	}
	return known
}

// peerNode returns the node of a peer: the service that it is, if one listens there
// or has its name, else one node for all that is known under its name or address.
func (j *graphJoin) peerNode(p *peer) *model.GraphNode {
	if p.kind == model.NodeMessaging {
		name := p.name
		if name == "" {
			name = p.system
		}
		return j.node(model.GraphNode{ID: "messaging:" + p.system + "/" + name, Type: p.kind, Name: name, System: p.system})
	}
	for _, name := range []string{p.name, j.aliases[p.socket], j.aliases[p.address], hostOf(p.address)} {
		if name != "" && j.known[name] {
			node := j.serviceNode(name)
			if node.System == "" {
				node.System = p.system
			}
			return node
		}
	}
	name := cmp.Or(p.name, j.aliases[p.socket], j.aliases[p.address], p.address, p.socket, p.system)
	if name == "" {
		return nil
	}
	if p.kind == model.NodeDatabase {
		return j.node(model.GraphNode{ID: "database:" + p.system + "/" + name, Type: p.kind, Name: name, System: p.system})
	}
	return j.node(model.GraphNode{ID: "external:" + name, Type: model.NodeExternal, Name: name})
}

// hostOf returns the host of an address with or without a port, and the first label
// of a name within a cluster: cart of cart.shop.svc.cluster.local.
func hostOf(address string) string {
	host := address
	if i := strings.LastIndexByte(address, ':'); i > 0 && !strings.Contains(address[i:], "]") {
		host = address[:i]
	}
	first, rest, found := strings.Cut(host, ".")
	if found && (strings.HasSuffix(rest, ".svc") || strings.Contains(rest, ".svc.")) {
		return first
	}
	return host
}

// result keeps the edges with the most requests, and the nodes that are at their
// ends or have requests of their own.
func (j *graphJoin) result(q *model.GraphQuery) model.ServiceGraph {
	answer := model.ServiceGraph{Spans: j.spans, Truncated: j.truncated}
	into := map[string]*requests{}
	ends := map[string]bool{}
	for _, e := range j.edges {
		r, kernel := e.requests()
		answer.Edges = append(answer.Edges, model.GraphEdge{Client: e.client, Server: e.server, RED: r.red(q.Filter.Time), Kernel: kernel})
		if into[e.server] == nil {
			into[e.server] = &requests{}
		}
		into[e.server].merge(r)
	}
	slices.SortFunc(answer.Edges, func(a, b model.GraphEdge) int {
		return cmp.Or(cmp.Compare(b.RED.Requests, a.RED.Requests), cmp.Compare(a.Client, b.Client), cmp.Compare(a.Server, b.Server))
	})
	if limit := max(q.Limit, 1); len(answer.Edges) > limit {
		answer.Edges, answer.Truncated = slices.Clip(answer.Edges[:limit]), true
	}
	for i := range answer.Edges {
		ends[answer.Edges[i].Client], ends[answer.Edges[i].Server] = true, true
	}
	slices.SortFunc(answer.Edges, func(a, b model.GraphEdge) int {
		return cmp.Or(cmp.Compare(a.Client, b.Client), cmp.Compare(a.Server, b.Server))
	})
	for id, node := range j.nodes {
		if !ends[id] && node.RED.Requests == 0 {
			continue
		}
		if r := into[id]; node.RED.Requests == 0 && r != nil {
			node.RED = r.red(q.Filter.Time)
		}
		answer.Nodes = append(answer.Nodes, *node)
	}
	slices.SortFunc(answer.Nodes, func(a, b model.GraphNode) int { return cmp.Compare(a.ID, b.ID) })
	return answer
}
