// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"net"
	"strings"
)

// One thing has many names: postgres, postgres.data.svc.cluster.local:5432 and 10.0.0.7
// are one database. The first name that is heard of is kept; the others are its aliases.

// named returns the service that a peer's name means: the one of that name, whatever
// its case, punctuation, port and domain in a cluster; else the name itself, which the
// others mean from then on.
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
	return g.alias(host, kept(host))
}

// alias lets a name mean a service.
func (g *graph) alias(name, service string) string {
	if len(g.aliases) > 2*g.services.capacity {
		clear(g.aliases)
	}
	if name != "" && service != "" {
		g.aliases[folded(name)] = service
	}
	return service
}

// inCluster reports whether a domain is that of a namespace in a cluster, or of a host's
// own network.
func inCluster(domain string) bool {
	for label := range strings.SplitSeq(strings.ToLower(domain), ".") {
		switch label {
		case "svc", "local", "internal", "consul", "localdomain":
			return true
		}
	}
	return false
}

// public reports whether a domain ends in one that names of the internet end in. A
// namespace, as in orders.shop, does not.
func public(domain string) bool {
	last := domain[strings.LastIndexByte(domain, '.')+1:]
	switch strings.ToLower(last) {
	case "com", "net", "org", "io", "dev", "app", "cloud", "co", "ai", "eu", "de", "uk", "fr", "cn", "jp", "us", "info", "biz", "example", "test":
		return true
	}
	return false
}

// folded is a name without case and punctuation.
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
