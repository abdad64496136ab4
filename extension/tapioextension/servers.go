// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package tapioextension

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"net/http"
	"sync"

	"go.opentelemetry.io/collector/config/configauth"
	"go.opentelemetry.io/collector/config/configgrpc"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/config/configtls"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"

	"github.com/tapio/tapio/extension/tapioextension/internal/gateway"
	"github.com/tapio/tapio/extension/tapioextension/internal/opamp"
	"github.com/tapio/tapio/extension/tapioextension/internal/webui"
	"github.com/tapio/tapio/ui"
)

// listen opens every port and builds its server. What is open when it fails is
// closed by Shutdown.
func (e *tapioExtension) listen(ctx context.Context) error {
	if err := e.listenGRPC(ctx); err != nil {
		return fmt.Errorf("extensions::%s::grpc::endpoint: %w", e.set.ID, err)
	}
	if err := e.listenPrometheus(ctx); err != nil {
		return err
	}
	if !e.cfg.HTTP.HasValue() {
		return nil
	}
	if err := e.listenHTTP(ctx); err != nil {
		return fmt.Errorf("extensions::%s::http::endpoint: %w", e.set.ID, err)
	}
	return nil
}

func (e *tapioExtension) listenGRPC(ctx context.Context) error {
	listener, err := e.cfg.GRPC.NetAddr.Listen(ctx)
	if err != nil {
		return portHint(err)
	}
	s, err := e.newGRPCServer(ctx, e.cfg.GRPC, listener)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	e.servers = append(e.servers, s)
	e.logListening("grpc", listener)
	return nil
}

func (e *tapioExtension) newGRPCServer(ctx context.Context, cfg configgrpc.ServerConfig, l net.Listener) (*grpcServer, error) {
	options := []configgrpc.ToServerOption{configgrpc.WithGrpcServerOption(grpc.ConnectionTimeout(handshakeTimeout))}
	for _, option := range e.api.Calls.ServerOptions() {
		options = append(options, configgrpc.WithGrpcServerOption(option))
	}
	server, err := cfg.ToServer(ctx, e.host.GetExtensions(), e.set.TelemetrySettings, options...)
	if err != nil {
		return nil, err
	}
	e.api.Register(server)
	return &grpcServer{server: server, listener: l}, nil
}

// listenHTTP puts the JSON gateway before a gRPC server of its own that is
// reachable in this process only. TLS and authentication happen at the HTTP
// server, so the inner one has neither.
func (e *tapioExtension) listenHTTP(ctx context.Context) error {
	inner := bufconn.Listen(1 << 20)
	cfg := e.cfg.GRPC
	cfg.TLS = configoptional.None[configtls.ServerConfig]()
	cfg.Auth = configoptional.None[configauth.Config]()
	innerServer, err := e.newGRPCServer(ctx, cfg, inner)
	if err != nil {
		return err
	}
	e.servers = append(e.servers, innerServer)
	conn, err := dialInner(inner)
	if err != nil {
		return err
	}
	outer, err := e.newHTTPServer(ctx, conn)
	if err != nil {
		return errors.Join(err, conn.Close())
	}
	e.servers = append(e.servers, outer)
	e.logListening("http", outer.listener)
	if e.cfg.UI.Enabled {
		e.set.Logger.Info("web UI listening", zap.String("url", e.uiURL(outer.listener.Addr())))
	}
	return nil
}

func dialInner(l *bufconn.Listener) (*grpc.ClientConn, error) {
	return grpc.NewClient("passthrough:///inner", append(gateway.InnerDialOptions(),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return l.DialContext(ctx) }),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(math.MaxInt32), grpc.MaxCallSendMsgSize(math.MaxInt32)))...)
}

func (e *tapioExtension) newHTTPServer(ctx context.Context, conn *grpc.ClientConn) (*httpServer, error) {
	cfg := e.cfg.HTTP.Get()
	json, err := e.api.Gateway.Handler(ctx, conn)
	if err != nil {
		return nil, err
	}
	agents, err := opamp.New(e.api, e.set.Logger, e.panics.add)
	if err != nil {
		return nil, err
	}
	handler := http.NewServeMux()
	handler.Handle("/", json)
	handler.Handle(opamp.Path, e.api.Gateway.Writers(agents.Handler))
	handler.Handle(prometheusPath+"/", http.StripPrefix(prometheusPath, e.prometheusHandler()))
	if err := e.addQueryAPIs(handler); err != nil {
		return nil, err
	}
	listener, err := cfg.ToListener(ctx)
	if err != nil {
		return nil, portHint(err)
	}
	server, err := e.guardedServer(ctx, cfg, listener, handler)
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	if server.Handler, err = e.withUI(server.Handler); err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	server.ConnContext = agents.ConnContext
	return &httpServer{server: server, listener: listener, conn: conn, agents: agents}, nil
}

// guardedServer makes a server of the handler that keeps other origins away, bounds bodies
// and counts what is refused.
func (e *tapioExtension) guardedServer(
	ctx context.Context, cfg *confighttp.ServerConfig, listener net.Listener, handler http.Handler,
) (*http.Server, error) {
	guarded := e.apiPolicy(cfg, listener.Addr()).Handler(e.api.Gateway.BoundBodies(handler))
	unbounded := *cfg // a stream of requests has no end; BoundBodies bounds all others
	unbounded.MaxRequestBodySize = math.MaxInt64
	server, err := unbounded.ToServer(ctx, e.host.GetExtensions(), e.set.TelemetrySettings, guarded,
		boundedDecoders(e.maxBodyBytes())...)
	if err != nil {
		return nil, err
	}
	server.Handler = e.api.Gateway.CountRefusals(server.Handler) // also what the authenticator refuses
	server.ConnState = e.countConnections
	return server, nil
}

// uiURL is the address to open in a browser.
func (e *tapioExtension) uiURL(addr net.Addr) string {
	scheme := "http"
	if e.cfg.HTTP.Get().TLS.HasValue() {
		scheme = "https"
	}
	host, port, err := net.SplitHostPort(addr.String())
	if ip := net.ParseIP(host); err == nil && (ip.IsLoopback() || ip.IsUnspecified()) {
		return scheme + "://" + net.JoinHostPort("localhost", port) + "/"
	}
	return scheme + "://" + addr.String() + "/"
}

// withUI serves the web UI before all else: its files hold no data, and a browser loads
// them before the user can log in.
func (e *tapioExtension) withUI(next http.Handler) (http.Handler, error) {
	if !e.cfg.UI.Enabled {
		return next, nil
	}
	files, err := ui.Files()
	if err != nil {
		return nil, err
	}
	return webui.New(files, next)
}

// grpcDefaultMessageBytes is what grpc takes where nothing is configured.
const grpcDefaultMessageBytes = 4 << 20

func (e *tapioExtension) maxReceiveMessageBytes() int {
	if mib := e.cfg.GRPC.MaxRecvMsgSizeMiB; mib > 0 {
		return mib << 20
	}
	return grpcDefaultMessageBytes
}

// maxBodyBytes is that of gRPC for every request over HTTP, or less where it is
// configured: no call takes more.
func (e *tapioExtension) maxBodyBytes() int {
	most := int64(e.maxReceiveMessageBytes())
	if http := e.cfg.HTTP.Get(); http != nil && http.MaxRequestBodySize > 0 {
		most = min(most, http.MaxRequestBodySize)
	}
	return int(most)
}

func (e *tapioExtension) logListening(transport string, l net.Listener) {
	e.set.Logger.Info("Tapio API listening",
		zap.String("transport", transport), zap.String("endpoint", l.Addr().String()))
}

// portHint adds what to do about a port that cannot be opened.
func portHint(err error) error {
	return fmt.Errorf("%w: choose an address that this machine has and a free port, or 0 for any free one", err)
}

// grpcServer adapts a gRPC server.
type grpcServer struct {
	server   *grpc.Server
	listener net.Listener
}

func (s *grpcServer) serve() error {
	// Stopped before it served: a start that failed further on.
	if err := s.server.Serve(s.listener); !errors.Is(err, grpc.ErrServerStopped) {
		return err
	}
	return nil
}

func (s *grpcServer) stop(ctx context.Context) {
	cut := context.AfterFunc(ctx, s.server.Stop)
	s.server.GracefulStop()
	cut()
	// A server that never served has not closed its listener.
	_ = s.listener.Close()
}

// httpServer adapts an HTTP server.
type httpServer struct {
	server   *http.Server
	listener net.Listener
	conn     *grpc.ClientConn // nil: it is no gateway
	agents   *opamp.Server    // nil: it has none
	close    sync.Once
}

func (s *httpServer) serve() error {
	if err := s.server.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func (s *httpServer) stop(ctx context.Context) {
	// Their connections are no longer the HTTP server's.
	if s.agents != nil {
		_ = s.agents.Stop(ctx)
	}
	if err := s.server.Shutdown(ctx); err != nil {
		_ = s.server.Close()
	}
	if s.conn != nil {
		s.close.Do(func() { _ = s.conn.Close() })
	}
	_ = s.listener.Close()
}
