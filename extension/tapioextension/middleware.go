// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package tapioextension

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"time"

	"go.opentelemetry.io/collector/client"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/extension/extensionmiddleware"
	"google.golang.org/grpc"

	"github.com/tapio/tapio/extension/tapioextension/internal/crossorigin"
	"github.com/tapio/tapio/extension/tapioextension/internal/otlphttp"
	"github.com/tapio/tapio/internal/senders"
)

// The extension is also a middleware for the servers of other components, under
// `middlewares: [{id: tapio}]`. It needs no Start for that.
var (
	_ extensionmiddleware.HTTPServer = (*tapioExtension)(nil)
	_ extensionmiddleware.GRPCServer = (*tapioExtension)(nil)
)

// handshakeTimeout is how long a client may take from its connection to its
// first complete request.
const handshakeTimeout = 10 * time.Second

// GetHTTPHandler implements extensionmiddleware.HTTPServer: it refuses requests
// of other origins, forms, JSON that is not UTF-8, and what would take more memory
// than limits::request_memory allows.
func (e *tapioExtension) GetHTTPHandler(context.Context) (extensionmiddleware.WrapHTTPHandlerFunc, error) {
	policy := crossorigin.Policy{
		Hosts:     e.cfg.AllowedHosts,
		CheckHost: func(r *http.Request) bool { return !authenticated(r) && arrivedAtLoopback(r) },
	}
	return func(_ context.Context, next http.Handler) (http.Handler, error) {
		return otlphttp.RefuseForms(policy.Handler(e.intake.Handler(otlphttp.RefuseBadText(withSender(next))))), nil
	}, nil
}

// withSender keeps the port that a request came from, which the collector's server leaves
// out of the address.
func withSender(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if at, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
			r = r.WithContext(senders.With(r.Context(), netip.AddrPortFrom(at.Addr().Unmap(), at.Port())))
		}
		next.ServeHTTP(w, r)
	})
}

// GetGRPCServerOptions implements extensionmiddleware.GRPCServer.
func (e *tapioExtension) GetGRPCServerOptions(context.Context) ([]grpc.ServerOption, error) {
	return append(e.intake.ServerOptions(), grpc.ConnectionTimeout(handshakeTimeout)), nil
}

// apiPolicy is the policy of the extension's own HTTP servers. Anyone who may
// reach another listener than loopback reaches it without DNS rebinding, so hosts
// are checked there only where some are configured.
func (e *tapioExtension) apiPolicy(cfg *confighttp.ServerConfig, listener net.Addr) crossorigin.Policy {
	policy := crossorigin.Policy{Hosts: e.cfg.AllowedHosts, Linkable: isPage}
	if host, _, err := net.SplitHostPort(cfg.NetAddr.Endpoint); err == nil && host != "" {
		policy.Hosts = append([]string{host}, policy.Hosts...)
	}
	if isLoopback(listener) || len(e.cfg.AllowedHosts) > 0 {
		policy.CheckHost = func(r *http.Request) bool { return !authenticated(r) }
	}
	return policy
}

// isPage reports whether a path is for people, not programs.
func isPage(path string) bool { return path == "/" }

func authenticated(r *http.Request) bool {
	return client.FromContext(r.Context()).Auth != nil || r.TLS != nil && len(r.TLS.VerifiedChains) > 0
}

func arrivedAtLoopback(r *http.Request) bool {
	address, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	return ok && isLoopback(address)
}

func isLoopback(address net.Addr) bool {
	tcp, ok := address.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}

// Senders are the services that export to this collector, by connection. The tapio
// exporter observes them, the ebpf receiver finds their processes.
func (e *tapioExtension) Senders() *senders.Registry { return e.senders }
