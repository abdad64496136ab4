// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"net"
	"strings"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/semconv"
)

// Who listens at an address is learned from calls that both ends tell of, and from
// servers that tell it, so that a failed connect, which nobody answers, names the
// one that should have.

// endpointOf reads an address with its port, "" for none. One of loopback is told apart
// by its host and, where the record has it, its network namespace.
func endpointOf(attributes model.Attributes, prefix, node string) string {
	address, found := attributes.Get(prefix + "address")
	if !found || address.Str() == "" {
		return ""
	}
	endpoint := address.Str()
	port, found := attributes.Get(prefix + "port")
	if !found {
		port, found = attributes.Get(semconv.ServerPort)
	}
	if found {
		endpoint = net.JoinHostPort(endpoint, port.Text())
	}
	if strings.HasPrefix(endpoint, "127.") || strings.HasPrefix(endpoint, "[::1]") {
		if namespace, found := attributes.Get(semconv.NetworkNamespace); found {
			node += "@" + namespace.Text()
		}
		endpoint = node + "/" + endpoint
	}
	return short(endpoint)
}

// loopback reports whether the far end of a connection is the host itself.
func loopback(attributes model.Attributes) bool {
	address, _ := attributes.Get(semconv.NetworkPeerAddress)
	ip := net.ParseIP(address.Str())
	return ip != nil && ip.IsLoopback()
}

// otherLoopback reports whether someone listens only at the same port of the other loopback
// address: a client that asks for localhost tries both, and reaches it. Where both were
// served, a refusal is one.
func (g *graph) otherLoopback(endpoint string) bool {
	const v4, v6 = "/127.0.0.1:", "/[::1]:"
	switch {
	case g.listener(endpoint) != "":
		return false
	case strings.Contains(endpoint, v6):
		return g.listener(strings.Replace(endpoint, v6, v4, 1)) != ""
	case strings.Contains(endpoint, v4):
		return g.listener(strings.Replace(endpoint, v4, v6, 1)) != ""
	}
	return false
}

// shownEndpoint is an endpoint as people know it.
func shownEndpoint(endpoint string) string {
	return endpoint[strings.IndexByte(endpoint, '/')+1:]
}

// listens notes where a service is reached.
func (g *graph) listens(endpoint string, s *service) {
	if endpoint == "" {
		return
	}
	if known := g.endpoints.get(endpoint); known != nil {
		*known = s.name
		return
	}
	g.endpoints.put(strings.Clone(endpoint), s.name)
}

// listensUnlessKnown notes where something is reached that sends no spans itself.
func (g *graph) listensUnlessKnown(endpoint, name string) {
	if endpoint != "" && g.endpoints.get(endpoint) == nil {
		g.endpoints.put(strings.Clone(endpoint), name)
	}
}

// listener returns the service that listens there, "" if none is known.
func (g *graph) listener(endpoint string) string {
	if known := g.endpoints.peek(endpoint); known != nil {
		return *known
	}
	return ""
}

// peerOf is where a client span calls, and the service that it calls: the one that
// listens there, else by the names that the span gives.
func (e *Engine) peerOf(s *model.Span, node string) (endpoint, service string) {
	endpoint = endpointOf(s.Attributes, "network.peer.", node)
	if name := e.graph.listener(endpoint); name != "" {
		return endpoint, name
	}
	return endpoint, kept(peerOf(s))
}

// far returns the service at the other end of a connection that a client tells
// of. One that never told anything goes by its address.
func (e *Engine) far(attributes model.Attributes, from *service) (to *service, endpoint string) {
	endpoint = endpointOf(attributes, "network.peer.", from.node)
	if endpoint == "" {
		return from, ""
	}
	name := e.graph.listener(endpoint)
	if of, found := attributes.Get(semconv.PeerService); name == "" && found {
		name = e.graph.named(kept(of.Str()))
	}
	if name == "" {
		name = shownEndpoint(endpoint)
	}
	if name == from.name {
		return from, endpoint
	}
	to = e.graph.service(&origin{service: name})
	e.graph.call(from.name, to.name)
	return to, endpoint
}

// peerOf is the service that a client span calls, by its attributes or, as
// gRPC names spans, by its name package.Service/Method.
func peerOf(s *model.Span) string {
	for _, key := range [...]string{semconv.PeerService, semconv.RPCService, semconv.ServerAddress, semconv.DBSystemName, semconv.DBSystem} {
		if v, found := s.Attributes.Get(key); found && v.Str() != "" {
			return lastPart(v.Str(), key == semconv.RPCService)
		}
	}
	name, method, found := strings.Cut(s.Name, "/")
	if !found || name == "" || method == "" || strings.ContainsAny(s.Name, " {}*") || strings.Contains(method, "/") {
		return ""
	}
	return lastPart(name, true)
}

func lastPart(name string, dotted bool) string {
	if at := strings.LastIndexByte(name, '.'); dotted && at >= 0 {
		return name[at+1:]
	}
	return name
}
