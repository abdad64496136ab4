// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package opamp serves the registry of collectors over OpAMP, so that a stock
// collector with the opamp extension, or under a supervisor, is a member of the
// fleet like any other.
package opamp

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/open-telemetry/opamp-go/protobufs"
	"github.com/open-telemetry/opamp-go/server"
	"github.com/open-telemetry/opamp-go/server/types"
	"go.uber.org/zap"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/tapio/tapio/extension/tapioextension/internal/fleet"
	"github.com/tapio/tapio/internal/panics"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// Path is where agents connect, on the HTTP server.
const Path = "/v1/opamp"

// beatInterval is how often an agent reports by OpAMP's own rule.
const beatInterval = 30 * time.Second

const capabilities = uint64(protobufs.ServerCapabilities_ServerCapabilities_AcceptsStatus |
	protobufs.ServerCapabilities_ServerCapabilities_OffersRemoteConfig |
	protobufs.ServerCapabilities_ServerCapabilities_AcceptsEffectiveConfig)

// Members is the registry as the clients of a server may use it.
type Members interface {
	// FleetOf is the registry as the client may use it whose request has the
	// context.
	FleetOf(ctx context.Context) fleet.Caller
	// Unregister ends a registration, if the client may.
	Unregister(ctx context.Context, id string) error
}

// Server is the OpAMP side of a registry.
type Server struct {
	members Members
	inner   server.OpAMPServer
	// panicked is called for panics, which the goroutines of a websocket would not survive.
	panicked func(error)
	context  context.Context // ends with the server
	end      context.CancelFunc

	// Handler serves Path. ConnContext belongs into its http.Server.
	Handler     http.Handler
	ConnContext server.ConnContext
}

// New makes a server. Stop must be called.
func New(members Members, log *zap.Logger, panicked func(error)) (*Server, error) {
	s := &Server{members: members, panicked: panicked, inner: server.New(quietLogger{log.Sugar()})}
	s.context, s.end = context.WithCancel(context.Background())
	handle, connContext, err := s.inner.Attach(server.Settings{Callbacks: types.Callbacks{OnConnecting: s.connecting}})
	if err != nil {
		return nil, fmt.Errorf("attach the OpAMP server: %w", err)
	}
	s.ConnContext = connContext
	s.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		handle(&boundedWriter{ResponseWriter: w}, r)
	})
	return s, nil
}

// Stop ends the connections.
func (s *Server) Stop(ctx context.Context) error {
	s.end()
	return s.inner.Stop(ctx)
}

func (s *Server) connecting(r *http.Request) types.ConnectionResponse {
	if s.context.Err() != nil {
		return types.ConnectionResponse{HTTPStatusCode: http.StatusServiceUnavailable}
	}
	client := context.WithoutCancel(r.Context())
	a := &agent{Server: s, client: client, fleet: s.members.FleetOf(client), connection: new(byte), lasting: r.Header.Get("Upgrade") != ""}
	return types.ConnectionResponse{Accept: true, ConnectionCallbacks: types.ConnectionCallbacks{
		OnMessage: func(ctx context.Context, conn types.Connection, m *protobufs.AgentToServer) (answer *protobufs.ServerToAgent) {
			answer = &protobufs.ServerToAgent{InstanceUid: m.GetInstanceUid(), Capabilities: capabilities}
			a.contain(func() { answer = a.message(ctx, conn, m) })
			return answer
		},
		OnConnectionClose: func(conn types.Connection) { a.contain(func() { a.closed(conn) }) },
	}}
}

// agent is one connection, or one request of an agent that polls.
type agent struct {
	*Server
	client context.Context // says who the client is
	fleet  fleet.Caller
	// connection identifies this one in fleet.Session, which outlives it.
	connection *byte
	sent       string // hash of the configuration that was sent on it; guarded by the session
	lasting    bool   // a websocket, on which news can be pushed
	id         string // "" before the first message
	takes      bool   // a remote configuration
	reports    bool   // what became of it
	unwatch    func()
	done       chan struct{} // closed when the pushing has ended
}

func (s *Server) contain(f func()) {
	if err := panics.Catch(f); err != nil {
		s.panicked(err)
	}
}

// message answers one report. It is never called twice at once for a connection.
func (a *agent) message(_ context.Context, conn types.Connection, m *protobufs.AgentToServer) *protobufs.ServerToAgent {
	allowNextMessage(conn.Connection())
	answer := &protobufs.ServerToAgent{InstanceUid: m.GetInstanceUid(), Capabilities: capabilities}
	id, err := idOf(m.GetInstanceUid())
	if err != nil {
		return refuse(answer, err)
	}
	a.takes = a.takes || can(m, protobufs.AgentCapabilities_AgentCapabilities_AcceptsRemoteConfig)
	a.reports = a.reports || can(m, protobufs.AgentCapabilities_AgentCapabilities_ReportsRemoteConfig)
	if m.GetAgentDisconnect() != nil {
		if err := a.members.Unregister(a.client, id); status.Code(err) == codes.PermissionDenied { //nolint:contextcheck // the context of the connection says who the client is
			return refuse(answer, err)
		}
		return answer // it may have left already
	}
	if m.GetAgentDescription() != nil {
		if _, err := a.fleet.Register(collectorOf(id, m), fleet.OpAMP, beatInterval); err != nil {
			return refuse(answer, err)
		}
	}
	config, _, err := a.fleet.Config(id)
	if status.Code(err) == codes.PermissionDenied {
		return refuse(answer, err)
	}
	if err != nil { // the registry forgot it, or never knew it
		answer.Flags = uint64(protobufs.ServerToAgentFlags_ServerToAgentFlags_ReportFullState)
		return answer
	}
	if err := a.fleet.Beat(id, statusOf(m.GetHealth()), answerOf(m, config)); err != nil {
		return refuse(answer, err)
	}
	a.watch(id, conn) //nolint:contextcheck // it watches until the connection ends
	gap := false
	a.fleet.UpdateSession(id, func(session *fleet.Session) {
		gap = a.follow(session, m)
		if a.takes && config != nil && session.ConfigHash != config.GetEtag() && a.sent != config.GetEtag() {
			answer.RemoteConfig = remoteConfig(config)
			a.offered(session, config)
		}
	})
	if gap {
		answer.Flags = uint64(protobufs.ServerToAgentFlags_ServerToAgentFlags_ReportFullState)
	}
	return answer
}

func can(m *protobufs.AgentToServer, capability protobufs.AgentCapabilities) bool {
	return m.GetCapabilities()&uint64(capability) != 0
}

// follow notes a message in the session of its agent. It reports whether messages
// before it were lost, with parts of the state that the agent does not send again.
func (a *agent) follow(session *fleet.Session, m *protobufs.AgentToServer) (gap bool) {
	next := m.GetSequenceNum() == session.Sequence+1
	session.Sequence, session.Connection = m.GetSequenceNum(), a.connection
	switch reported := m.GetRemoteConfigStatus(); {
	case reported != nil:
		session.ConfigHash = fleet.Shorten(string(reported.GetLastRemoteConfigHash()), maxNameBytes)
		a.sent = "" // it counts what the agent says
	case !next: // it restarted
		session.ConfigHash = ""
	}
	return !next && m.GetAgentDescription() == nil
}

// offered notes which configuration was sent. An agent that never reports what became
// of it is taken to have it.
func (a *agent) offered(session *fleet.Session, config *tapiov1.CollectorConfig) {
	a.sent = config.GetEtag()
	if !a.reports {
		session.ConfigHash = config.GetEtag()
	}
}

func refuse(answer *protobufs.ServerToAgent, err error) *protobufs.ServerToAgent {
	answer.ErrorResponse = &protobufs.ServerErrorResponse{
		Type: protobufs.ServerErrorResponseType_ServerErrorResponseType_BadRequest, ErrorMessage: err.Error(),
	}
	return answer
}

// watch pushes new configurations from now on, if the connection lasts.
func (a *agent) watch(id string, conn types.Connection) {
	if !a.lasting || a.id != "" {
		return
	}
	changed, unwatch, err := a.fleet.Watch(id)
	if err != nil { // it left a moment ago
		return
	}
	a.id, a.unwatch, a.done = id, unwatch, make(chan struct{})
	ctx, cancel := context.WithCancel(a.context)
	stop := a.unwatch
	a.unwatch = func() { stop(); cancel() }
	go func() {
		defer close(a.done)
		a.contain(func() { a.push(ctx, id, changed, conn) })
	}()
}

func (a *agent) push(ctx context.Context, id string, changed <-chan struct{}, conn types.Connection) {
	for {
		select {
		case <-ctx.Done():
			return
		case _, open := <-changed:
			if !open { // its registration ended; the next report begins a new one
				return
			}
		}
		config, _, err := a.fleet.Config(id)
		if err != nil || config == nil {
			continue
		}
		uid, err := uidOf(id)
		if err != nil {
			return
		}
		a.fleet.UpdateSession(id, func(session *fleet.Session) { a.offered(session, config) })
		// An error means that the connection is gone, which closed notices.
		_ = conn.Send(ctx, &protobufs.ServerToAgent{InstanceUid: uid, Capabilities: capabilities, RemoteConfig: remoteConfig(config)})
	}
}

// closed notes that a lasting connection is gone without a goodbye.
func (a *agent) closed(types.Connection) {
	if a.id == "" {
		return
	}
	a.unwatch()
	<-a.done
	latest := false
	a.fleet.UpdateSession(a.id, func(session *fleet.Session) { latest = session.Connection == a.connection })
	if !latest { // it has connected again
		return
	}
	_ = a.fleet.Beat(a.id, &tapiov1.CollectorStatus{
		State: tapiov1.Collector_STATE_DEGRADED, Message: "its OpAMP connection ended",
	}, nil) // NOT_FOUND: it said goodbye before
}
