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

	"github.com/tapio/tapio/extension/tapioextension/internal/fleet"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// Path is where agents connect, on the HTTP server.
const Path = "/v1/opamp"

// beatInterval is how often an agent reports by OpAMP's own rule.
const beatInterval = 30 * time.Second

const capabilities = uint64(protobufs.ServerCapabilities_ServerCapabilities_AcceptsStatus |
	protobufs.ServerCapabilities_ServerCapabilities_OffersRemoteConfig |
	protobufs.ServerCapabilities_ServerCapabilities_AcceptsEffectiveConfig)

// Server is the OpAMP side of a registry.
type Server struct {
	fleet   *fleet.Registry
	inner   server.OpAMPServer
	context context.Context // ends with the server
	end     context.CancelFunc

	// Handler serves Path. ConnContext belongs into its http.Server.
	Handler     http.Handler
	ConnContext server.ConnContext
}

// New makes a server. Stop must be called.
func New(registry *fleet.Registry, log *zap.Logger) (*Server, error) {
	s := &Server{fleet: registry, inner: server.New(quietLogger{log.Sugar()})}
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
	a := &agent{Server: s, lasting: r.Header.Get("Upgrade") != ""}
	return types.ConnectionResponse{Accept: true, ConnectionCallbacks: types.ConnectionCallbacks{
		OnMessage:         a.message,
		OnConnectionClose: a.closed,
	}}
}

// agent is one connection, or one request of an agent that polls.
type agent struct {
	*Server
	lasting bool   // a websocket, on which news can be pushed
	id      string // "" before the first message
	takes   bool   // a remote configuration
	unwatch func()
	done    chan struct{} // closed when the pushing has ended
}

// message answers one report. It is never called twice at once for a connection.
func (a *agent) message(_ context.Context, conn types.Connection, m *protobufs.AgentToServer) *protobufs.ServerToAgent {
	allowNextMessage(conn.Connection())
	answer := &protobufs.ServerToAgent{InstanceUid: m.GetInstanceUid(), Capabilities: capabilities}
	id, err := idOf(m.GetInstanceUid())
	if err != nil {
		return refuse(answer, err)
	}
	a.takes = a.takes || m.GetCapabilities()&uint64(protobufs.AgentCapabilities_AgentCapabilities_AcceptsRemoteConfig) != 0
	if m.GetAgentDisconnect() != nil {
		_ = a.fleet.Unregister(id) // it may have left already
		return answer
	}
	if m.GetAgentDescription() != nil {
		if _, err := a.fleet.Register(collectorOf(id, m), fleet.OpAMP, beatInterval); err != nil {
			return refuse(answer, err)
		}
	}
	config, _, err := a.fleet.Config(id)
	if err != nil { // the registry forgot it, or never knew it
		answer.Flags = uint64(protobufs.ServerToAgentFlags_ServerToAgentFlags_ReportFullState)
		return answer
	}
	if err := a.fleet.Beat(id, statusOf(m.GetHealth()), answerOf(m, config)); err != nil {
		return refuse(answer, err)
	}
	a.watch(id, conn)
	if offer := remoteConfig(config); a.takes && config != nil && !has(m, config) {
		answer.RemoteConfig = offer
	}
	return answer
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
		a.push(ctx, id, changed, conn)
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
	_ = a.fleet.Beat(a.id, &tapiov1.CollectorStatus{
		State: tapiov1.Collector_STATE_DEGRADED, Message: "its OpAMP connection ended",
	}, nil) // NOT_FOUND: it said goodbye before
}
