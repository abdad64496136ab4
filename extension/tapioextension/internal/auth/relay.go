// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"context"
	"net"
	"net/http"

	"google.golang.org/grpc/metadata"

	"go.opentelemetry.io/collector/client"
)

// The headers by which the gateway passes the caller's identity to the inner server. Their names
// hold a secret of this process, so that no client can claim to be another.
const (
	relayName    = "tapio-caller-"
	relayHost    = "tapio-host-"
	relaySubject = "tapio-subject-"
	binary       = "-bin" // of headers with any bytes
)

// Relayed is what the gateway adds to a call.
func (g *Guard) Relayed(ctx context.Context, r *http.Request) metadata.MD {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	auth := client.FromContext(ctx).Auth
	var certificate []string
	if r.TLS != nil && len(r.TLS.VerifiedChains) > 0 {
		certificate = commonName(r.TLS.PeerCertificates)
	}
	names := attribute(auth, g.access.Attribute)
	if len(names) == 0 {
		names = certificate
	}
	md := metadata.MD{
		relayHost + g.relay: {host}, relayName + g.relay + binary: names,
		relaySubject + g.relay + binary: {g.subject(auth, certificate)},
	}
	g.relayTrace(ctx, r, md)
	return md
}

// CallerOfRequest is who calls over HTTP.
func (g *Guard) CallerOfRequest(r *http.Request) Caller {
	md := g.Relayed(r.Context(), r)
	by, _ := relayedCaller(metadata.NewIncomingContext(r.Context(), md), g.relay)
	return by
}

func relayedCaller(ctx context.Context, secret string) (Caller, bool) {
	md, _ := metadata.FromIncomingContext(ctx)
	hosts := md.Get(relayHost + secret)
	if len(hosts) == 0 {
		return Caller{}, false
	}
	c := Caller{Host: hosts[0], Names: md.Get(relayName + secret + binary)}
	if subjects := md.Get(relaySubject + secret + binary); len(subjects) > 0 {
		c.Subject = subjects[0]
	}
	if len(c.Names) > 0 {
		c.Name = c.Names[0]
	}
	return c, true
}
