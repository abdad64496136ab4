// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package auth says who calls and what they may do.
package auth

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"net"
	"slices"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	"go.opentelemetry.io/collector/client"

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

// Right is what a method needs.
type Right string

// The rights that there are.
const (
	ToRead  Right = "read"
	ToWrite Right = "write"
	ToAdmin Right = "admin"
)

// RightsFor says what a method needs: one of these rights. That is to read, unless
// it writes or rules.
func RightsFor(method string) []Right {
	switch method {
	case tapiov1.TapioService_StreamEvents_FullMethodName,
		tapiov1.CollectorService_StreamEvents_FullMethodName,
		tapiov1.CollectorService_SendEventBatch_FullMethodName,
		tapiov1.CollectorService_RegisterCollector_FullMethodName,
		tapiov1.CollectorService_Heartbeat_FullMethodName,
		tapiov1.ObservabilityService_UploadProfile_FullMethodName,
		tapiov1.ObservabilityService_UploadSymbols_FullMethodName,
		tapiov1.OperationsService_SendChange_FullMethodName:
		return []Right{ToWrite}
	case tapiov1.CollectorService_UnregisterCollector_FullMethodName: // of its own, or of others
		return []Right{ToWrite, ToAdmin}
	case tapiov1.CollectorService_GetServerInfo_FullMethodName: // by which who writes goes
		return []Right{ToRead, ToWrite, ToAdmin}
	case tapiov1.CollectorService_UpdateConfig_FullMethodName,
		tapiov1.OperationsService_CreateSilence_FullMethodName,
		tapiov1.OperationsService_RestoreArchive_FullMethodName,
		tapiov1.OperationsService_ExpireSilence_FullMethodName:
		return []Right{ToAdmin}
	default:
		return []Right{ToRead}
	}
}

// Caller is who calls, as far as is known.
type Caller struct {
	Name    string   // "" where no authenticator is configured
	Names   []string // the values of Access.Attribute
	Subject string   // who it is, for what it owns; "" where that is unknown
	Host    string
}

// String is the name of the caller, or else its host.
func (c Caller) String() string {
	if c.Name != "" {
		return c.Name
	}
	return c.Host
}

// Who is the caller as far as it is known, "" otherwise.
func (c Caller) Who() string { return cmp.Or(c.Subject, c.Name) }

// Known is Who in a sentence.
func (c Caller) Known() string { return cmp.Or(c.Who(), "an unauthenticated client") }

// client is by what queries are shared: who calls, else from where.
func (c Caller) client() string { return cmp.Or(c.Name, c.Subject, c.Host) }

type callerKey struct{}

// Guard knows who calls, and refuses what they may not do.
type Guard struct {
	access Access
	relay  string // see relayName
}

// NewGuard guards as the access says.
func NewGuard(access Access) *Guard {
	return &Guard{access: access, relay: strings.ToLower(rand.Text())}
}

// Identify works out once who calls, and under which span.
func (g *Guard) Identify(ctx context.Context) context.Context {
	c := Caller{Names: g.namesOf(ctx), Subject: g.subject(client.FromContext(ctx).Auth, certificateOf(ctx))}
	if len(c.Names) > 0 {
		c.Name = c.Names[0]
	}
	if p, ok := peer.FromContext(ctx); ok {
		c.Host = hostOf(p.Addr)
	}
	if relayed, ok := relayedCaller(ctx, g.relay); ok {
		c = relayed
	}
	return g.withParent(WithCaller(ctx, c))
}

// WithCaller is a context from which CallerOf returns the caller.
func WithCaller(ctx context.Context, by Caller) context.Context {
	return query.WithClient(context.WithValue(ctx, callerKey{}, by), by.client())
}

// CallerOf is who calls, as Identify found out.
func CallerOf(ctx context.Context) Caller {
	c, _ := ctx.Value(callerKey{}).(Caller)
	return c
}

func hostOf(address net.Addr) string {
	host, _, err := net.SplitHostPort(address.String())
	if err != nil { // a Unix socket
		return address.Network()
	}
	return host
}

func (g *Guard) namesOf(ctx context.Context) []string {
	if names := attribute(client.FromContext(ctx).Auth, g.access.Attribute); len(names) > 0 {
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
func (g *Guard) subject(auth client.AuthData, certificate []string) string {
	claims := []string{g.access.Owner}
	if g.access.Owner == "" {
		claims = []string{"subject", "username", g.access.Attribute}
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

// Rules reports whether the caller may do what only an administrator may.
func (g *Guard) Rules(by Caller) bool {
	return g.access.Attribute != "" && g.access.grants(ToAdmin, by.Names)
}

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

// Allow refuses a call that its caller may not make.
func (g *Guard) Allow(ctx context.Context, method string) error {
	return g.Require(ctx, RightsFor(method)...)
}

// Require refuses a caller that has none of the rights.
func (g *Guard) Require(ctx context.Context, rights ...Right) error {
	if g.access.Attribute == "" {
		return nil
	}
	by := CallerOf(ctx)
	for _, one := range rights {
		if g.access.grants(one, by.Names) {
			return nil
		}
	}
	return status.Errorf(codes.PermissionDenied, "%q may not %s: %s under access::%s of the tapio extension",
		by.String(), rights[0], by.toName(), rights[0])
}

// Permissions returns what the caller may do.
func (g *Guard) Permissions(ctx context.Context) []string {
	var granted []string
	for _, one := range []Right{ToRead, ToWrite, ToAdmin} {
		if g.Require(ctx, one) == nil {
			granted = append(granted, string(one))
		}
	}
	return granted
}

// toName says what to write where a right is to be given to the caller.
func (c Caller) toName() string {
	if len(c.Names) == 0 {
		return "the authenticator does not identify the client, so that only '*' matches"
	}
	return fmt.Sprintf("name one of %q", c.Names)
}

// grants reports whether one of the names has the right.
func (a *Access) grants(wanted Right, names []string) bool {
	allowed := map[Right][]string{ToRead: a.Read, ToWrite: a.Write, ToAdmin: a.Admin}[wanted]
	return slices.Contains(allowed, "*") || slices.ContainsFunc(names, func(name string) bool { return slices.Contains(allowed, name) })
}
