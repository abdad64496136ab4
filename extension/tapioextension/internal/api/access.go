// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"cmp"
	"context"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"slices"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	"go.opentelemetry.io/collector/client"

	"github.com/tapio/tapio/extension/tapioextension/internal/fleet"
	"github.com/tapio/tapio/internal/query"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// Access says who may do what. Without Attribute everybody who is let in may do
// everything.
type Access struct {
	// Attribute of what the authenticator knows of a caller: its name, or a list
	// of groups. Of a caller with nothing but a certificate it is the common
	// name.
	Attribute string
	// Read, Write and Admin are the values that may; "*" is everybody.
	Read, Write, Admin []string
	// Owner is the attribute that says whose a registered collector is. "": subject
	// or username, whichever the authenticator knows, else Attribute.
	Owner string
}

// right is what a method needs.
type right string

const (
	toRead  right = "read"
	toWrite right = "write"
	toAdmin right = "admin"
)

// rightsFor says what a method needs: one of these rights. That is to read, unless
// it writes or rules.
func rightsFor(method string) []right {
	switch method {
	case tapiov1.TapioService_StreamEvents_FullMethodName,
		tapiov1.CollectorService_StreamEvents_FullMethodName,
		tapiov1.CollectorService_SendEventBatch_FullMethodName,
		tapiov1.CollectorService_RegisterCollector_FullMethodName,
		tapiov1.CollectorService_Heartbeat_FullMethodName,
		tapiov1.ObservabilityService_UploadProfile_FullMethodName,
		tapiov1.ObservabilityService_UploadSymbols_FullMethodName,
		tapiov1.OperationsService_SendChange_FullMethodName:
		return []right{toWrite}
	case tapiov1.CollectorService_UnregisterCollector_FullMethodName: // of its own, or of others
		return []right{toWrite, toAdmin}
	case tapiov1.CollectorService_GetServerInfo_FullMethodName: // by which who writes goes
		return []right{toRead, toWrite, toAdmin}
	case tapiov1.CollectorService_UpdateConfig_FullMethodName,
		tapiov1.OperationsService_CreateSilence_FullMethodName,
		tapiov1.OperationsService_RestoreArchive_FullMethodName,
		tapiov1.OperationsService_ExpireSilence_FullMethodName:
		return []right{toAdmin}
	default:
		return []right{toRead}
	}
}

// caller is who calls, as far as is known.
type caller struct {
	name    string   // "" without authentication
	names   []string // the values of Access.Attribute
	subject string   // who it is, for what it owns; "" where that is unknown
	host    string
}

func (c caller) String() string {
	if c.name != "" {
		return c.name
	}
	return c.host
}

// client is by what queries are shared: who calls, else from where.
func (c caller) client() string { return cmp.Or(c.name, c.subject, c.host) }

type callerKey struct{}

// withCaller works out once who calls.
func (s *Server) withCaller(ctx context.Context) context.Context {
	c := caller{names: s.namesOf(ctx), subject: s.subject(client.FromContext(ctx).Auth, certificateOf(ctx))}
	if len(c.names) > 0 {
		c.name = c.names[0]
	}
	if p, ok := peer.FromContext(ctx); ok {
		c.host = hostOf(p.Addr)
	}
	if relayed, ok := relayedCaller(ctx, s.relay); ok {
		c = relayed
	}
	return query.WithClient(context.WithValue(ctx, callerKey{}, c), c.client())
}

func callerOf(ctx context.Context) caller {
	c, _ := ctx.Value(callerKey{}).(caller)
	return c
}

func hostOf(address net.Addr) string {
	host, _, err := net.SplitHostPort(address.String())
	if err != nil { // a Unix socket
		return address.Network()
	}
	return host
}

func (s *Server) namesOf(ctx context.Context) []string {
	if names := attribute(client.FromContext(ctx).Auth, s.Access.Attribute); len(names) > 0 {
		return names
	}
	return certificateOf(ctx)
}

// certificateOf is the name in the certificate of a client of gRPC.
func certificateOf(ctx context.Context) []string {
	p, ok := peer.FromContext(ctx)
	if !ok {
		return nil
	}
	info, ok := p.AuthInfo.(credentials.TLSInfo)
	if !ok || len(info.State.VerifiedChains) == 0 {
		return nil
	}
	return commonName(info.State.PeerCertificates)
}

// subject is who a client is. A group that it belongs to is not.
func (s *Server) subject(auth client.AuthData, certificate []string) string {
	claims := []string{s.Access.Owner}
	if s.Access.Owner == "" {
		claims = []string{"subject", "username", s.Access.Attribute}
	}
	for _, claim := range claims {
		if values := attribute(auth, claim); len(values) > 0 {
			return values[0]
		}
	}
	if len(certificate) > 0 {
		return certificate[0]
	}
	return ""
}

// fleetOf is the registry of collectors as the caller may use it.
func (s *Server) fleetOf(ctx context.Context) fleet.Caller {
	by := callerOf(ctx)
	return s.Fleet.As(by.subject, s.Access.Attribute != "" && s.Access.grants(toAdmin, by.names))
}

// FleetOf is fleetOf for what Writers lets through.
func (s *Server) FleetOf(ctx context.Context) fleet.Caller { return s.fleetOf(ctx) }

func commonName(certificates []*x509.Certificate) []string {
	if len(certificates) == 0 || certificates[0].Subject.CommonName == "" {
		return nil
	}
	return []string{certificates[0].Subject.CommonName}
}

// attribute reads one of the attributes that an authenticator gives.
func attribute(auth client.AuthData, name string) []string {
	if auth == nil {
		return nil
	}
	if name == "" {
		name = "subject"
	}
	switch value := auth.GetAttribute(name).(type) {
	case nil:
		return nil
	case string:
		return []string{value}
	case []string:
		return value
	default:
		return []string{fmt.Sprint(value)}
	}
}

// allow refuses a call that its caller may not make.
func (s *Server) allow(ctx context.Context, method string) error {
	return s.require(ctx, rightsFor(method)...)
}

// require refuses a caller that has none of the rights.
func (s *Server) require(ctx context.Context, rights ...right) error {
	if s.Access.Attribute == "" {
		return nil
	}
	by := callerOf(ctx)
	for _, one := range rights {
		if s.Access.grants(one, by.names) {
			return nil
		}
	}
	return status.Errorf(codes.PermissionDenied, "%q may not %s: %s under access::%s of the tapio extension",
		by.String(), rights[0], by.toName(), rights[0])
}

// toName says what to write where a right is to be given to the caller.
func (c caller) toName() string {
	if len(c.names) == 0 {
		return "the authenticator does not identify the client, so that only '*' matches"
	}
	return fmt.Sprintf("name one of %q", c.names)
}

// grants reports whether one of the names has the right.
func (a *Access) grants(wanted right, names []string) bool {
	allowed := map[right][]string{toRead: a.Read, toWrite: a.Write, toAdmin: a.Admin}[wanted]
	return slices.Contains(allowed, "*") || slices.ContainsFunc(names, func(name string) bool { return slices.Contains(allowed, name) })
}

// The headers by which the gateway passes the caller's identity to the inner server. Their names
// hold a secret of this process, so that no client can claim to be another.
const (
	relayName    = "tapio-caller-"
	relayHost    = "tapio-host-"
	relaySubject = "tapio-subject-"
	binary       = "-bin" // of headers with any bytes
)

// relayed is what the gateway adds to a call.
func (s *Server) relayed(ctx context.Context, r *http.Request) metadata.MD {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	auth := client.FromContext(r.Context()).Auth
	var certificate []string
	if r.TLS != nil && len(r.TLS.VerifiedChains) > 0 {
		certificate = commonName(r.TLS.PeerCertificates)
	}
	names := attribute(auth, s.Access.Attribute)
	if len(names) == 0 {
		names = certificate
	}
	md := metadata.MD{
		relayHost + s.relay: {host}, relayName + s.relay + binary: names,
		relaySubject + s.relay + binary: {s.subject(auth, certificate)},
	}
	s.relayTrace(ctx, r, md)
	return md
}

func relayedCaller(ctx context.Context, secret string) (caller, bool) {
	md, _ := metadata.FromIncomingContext(ctx)
	hosts := md.Get(relayHost + secret)
	if len(hosts) == 0 {
		return caller{}, false
	}
	c := caller{host: hosts[0], names: md.Get(relayName + secret + binary)}
	if subjects := md.Get(relaySubject + secret + binary); len(subjects) > 0 {
		c.subject = subjects[0]
	}
	if len(c.names) > 0 {
		c.name = c.names[0]
	}
	return c, true
}
