// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"net"
	"strings"

	"github.com/tapio/tapio/internal/correlate/bound"
)

// One service has many names: postgres, postgres.data.svc.cluster.local:5432 and 10.0.0.7 may be one
// database. The first name seen is kept; the others become its aliases.

// named returns the service that a peer's name refers to, ignoring case, punctuation, port and the
// domain of a cluster. If there is none, the name itself becomes that service.
func (g *graph) named(peer string) string {
	if name, found := g.aliases[folded(peer)]; found {
		return name
	}
	host := peer
	if name, _, err := net.SplitHostPort(peer); err == nil {
		host = name
	}
	host = strings.TrimSuffix(host, ".")
	if first, rest, found := strings.Cut(host, "."); found && net.ParseIP(host) == nil {
		name, known := g.aliases[folded(first)]
		switch {
		case known && !public(rest):
			return name
		case inCluster(rest):
			host = first
		}
	}
	if name, found := g.aliases[folded(host)]; found {
		return name
	}
	return g.alias(host, bound.Copy(host))
}

// alias makes a name refer to a service.
func (g *graph) alias(name, service string) string {
	if len(g.aliases) > 2*g.services.Capacity {
		clear(g.aliases)
	}
	if name != "" && service != "" {
		g.aliases[folded(name)] = service
	}
	return service
}

// inCluster reports whether a domain is that of a Kubernetes namespace or of the host's own network.
func inCluster(domain string) bool {
	for label := range strings.SplitSeq(strings.ToLower(domain), ".") {
		switch label {
		case "svc", "local", "internal", "consul", "localdomain":
			return true
		}
	}
	return false
}

// public reports whether a domain ends in a top-level domain of the internet. That of a namespace, as
// in orders.shop, does not.
func public(domain string) bool {
	last := domain[strings.LastIndexByte(domain, '.')+1:]
	switch strings.ToLower(last) {
	case "com", "net", "org", "io", "dev", "app", "cloud", "co", "ai", "eu", "de", "uk", "fr", "cn", "jp", "us", "info", "biz", "example", "test":
		return true
	}
	return false
}

// folded returns a name without case and punctuation.
func folded(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		default:
			return -1
		}
	}, name)
}
