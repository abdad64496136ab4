// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"net"
	"strings"

	"github.com/tapio/tapio/internal/correlate/bound"
	"github.com/tapio/tapio/internal/correlate/origin"
	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/semconv"
)

// Which service listens at an address is learned from calls with both spans, and from server spans
// with their own address. So a refused connection, for which there is no server span, can be
// attributed.

// endpointOf returns an address with its port, "" for none. A loopback address is qualified by the
// host and, if known, the network namespace.
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
	return bound.Name(endpoint)
}

// loopback reports whether the remote end of a connection is the host itself.
func loopback(attributes model.Attributes) bool {
	address, _ := attributes.Get(semconv.NetworkPeerAddress)
	ip := net.ParseIP(address.Str())
	return ip != nil && ip.IsLoopback()
}

// otherLoopback reports whether a service listens at this port only at the other loopback address: a
// client of localhost tries both, and reaches it. If both were served, a refused connection is a
// fault.
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

// shownEndpoint is an endpoint for display.
func shownEndpoint(endpoint string) string {
	return endpoint[strings.IndexByte(endpoint, '/')+1:]
}

// listens records where a service is reached.
func (g *graph) listens(endpoint string, s *service) {
	if endpoint == "" {
		return
	}
	if known := g.endpoints.Get(endpoint); known != nil {
		*known = s.name
		return
	}
	g.endpoints.Put(strings.Clone(endpoint), s.name)
}

// listensUnlessKnown records where a service without spans is reached.
func (g *graph) listensUnlessKnown(endpoint, name string) {
	if endpoint != "" && g.endpoints.Get(endpoint) == nil {
		g.endpoints.Put(strings.Clone(endpoint), name)
	}
}

// listener returns the service that listens at an endpoint, "" if none is known.
func (g *graph) listener(endpoint string) string {
	if known := g.endpoints.Peek(endpoint); known != nil {
		return *known
	}
	return ""
}

// peerOf returns the endpoint that a client span calls, and the service: the one that listens there,
// else one by the names in the span.
func (l *learner) peerOf(s *model.Span, node string) (endpoint, service string) {
	endpoint = endpointOf(s.Attributes, "network.peer.", node)
	if name := l.graph.listener(endpoint); name != "" {
		return endpoint, name
	}
	return endpoint, bound.Copy(peerOf(s))
}

// far returns the service at the remote end of a client's connection. If it is unknown, its address is
// used as its name.
func (ke *kernelEvents) far(attributes model.Attributes, from *service) (to *service, endpoint string) {
	endpoint = endpointOf(attributes, "network.peer.", from.node)
	if endpoint == "" {
		return from, ""
	}
	name := ke.graph.listener(endpoint)
	if of, found := attributes.Get(semconv.PeerService); name == "" && found {
		name = ke.graph.named(bound.Copy(of.Str()))
	}
	if name == "" {
		name = shownEndpoint(endpoint)
	}
	if name == from.name {
		return from, endpoint
	}
	to = ke.graph.service(&origin.Origin{Service: name})
	ke.graph.call(from.name, to.name)
	return to, endpoint
}

// peerOf returns the service that a client span calls, from its attributes or, for gRPC, from the span
// name package.Service/Method.
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
