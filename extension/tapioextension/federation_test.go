// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package tapioextension

import (
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/tapio/tapio/extension/tapioextension/internal/api"
	"github.com/tapio/tapio/internal/backend/conformance"
	"github.com/tapio/tapio/internal/backend/federation"
	"github.com/tapio/tapio/internal/backend/remote"
	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/otlp"
	"github.com/tapio/tapio/internal/query"
	"github.com/tapio/tapio/internal/store"
)

// servedStore is a store whose API is served over gRPC.
type servedStore struct {
	*store.Store
	server *grpc.Server
	conn   *grpc.ClientConn
}

func newServedStore(t *testing.T) *servedStore {
	t.Helper()
	return newServedStoreOf(t, func(s *servedStore) query.Reader { return s.Reader() })
}

// newServedStoreOf serves what a reader answers.
func newServedStoreOf(t *testing.T, reader func(*servedStore) query.Reader) *servedStore {
	t.Helper()
	return newServedFront(t, "", reader)
}

// newServedFront serves what a reader answers, with an ID to find loops by.
func newServedFront(t *testing.T, id string, reader func(*servedStore) query.Reader) *servedStore {
	t.Helper()
	held := store.New(store.Limits{Logs: 64 << 20, Traces: 64 << 20, Metrics: 64 << 20, Profiles: 16 << 20, QueryMemory: 64 << 20}, time.Now)
	t.Cleanup(held.Close)
	cfg := createDefaultConfig().(*Config)
	services := api.New(api.Options{
		ID: id, Store: reader(&servedStore{Store: held}), Figures: held, Now: time.Now, Limits: cfg.limits(), MaxReceiveMessageBytes: 4 << 20, MaxBodyBytes: 4 << 20,
		Panicked: func(err error) { assert.NoError(t, err) },
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server := grpc.NewServer(services.Calls.ServerOptions()...)
	services.Register(server)
	services.SetServing(true)
	served := make(chan struct{})
	go func() {
		defer close(served)
		assert.NoError(t, server.Serve(listener))
	}()
	conn, err := grpc.NewClient(listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	t.Cleanup(func() {
		assert.NoError(t, conn.Close())
		server.Stop()
		<-served
	})
	return &servedStore{held, server, conn}
}

func (s *servedStore) reader(t *testing.T) *remote.Reader {
	return remote.New(s.conn, remote.Options{QueryMemory: 64 << 20, Now: time.Now, Panicked: func(err error) { assert.NoError(t, err) }})
}

func (s *servedStore) write(t *testing.T, data conformance.Telemetry) {
	t.Helper()
	_, err := s.AppendEvents(otlp.EventsFromLogs(data.Logs))
	require.NoError(t, err)
	_, err = s.AppendSpans(otlp.SpansFromTraces(data.Traces))
	require.NoError(t, err)
	_, err = s.AppendPoints(otlp.PointsFromMetrics(data.Metrics))
	require.NoError(t, err)
}

func (s *servedStore) writeProfiles(t *testing.T, list []model.Profile) {
	t.Helper()
	_, err := s.AppendProfiles(list)
	require.NoError(t, err)
}

func newFederation(t *testing.T, readers ...query.Reader) *federation.Reader {
	var members []federation.Member
	for i, reader := range readers {
		members = append(members, federation.Member{Name: fmt.Sprintf("member-%d", i), Reader: reader})
	}
	all := federation.New(federation.Options{
		Timeout: time.Minute, Calls: 16, QueryMemory: 64 << 20, Now: time.Now, Panicked: func(err error) { assert.NoError(t, err) },
	})
	require.Empty(t, all.SetMembers(members))
	return all
}

// A reader over gRPC answers as the store behind it.
func TestRemoteReaderConforms(t *testing.T) {
	conformance.Run(t, func(t *testing.T) conformance.Backend {
		served := newServedStore(t)
		return conformance.Backend{Reader: newFederation(t, served.reader(t)), Write: served.write, WriteProfiles: served.writeProfiles}
	})
}

// Three members over gRPC, each with the telemetry of some of the instances.
func TestFederationConforms(t *testing.T) {
	conformance.Run(t, func(t *testing.T) conformance.Backend {
		members := []*servedStore{newServedStore(t), newServedStore(t), newServedStore(t)}
		return conformance.Backend{
			Reader: newFederation(t, members[0].reader(t), members[1].reader(t), members[2].reader(t)),
			Write: func(t *testing.T, data conformance.Telemetry) {
				for i, part := range conformance.SplitByResource(data, len(members)) {
					members[i].write(t, part)
				}
			},
			WriteProfiles: func(t *testing.T, list []model.Profile) {
				for i, part := range conformance.SplitProfiles(list, len(members)) {
					members[i].writeProfiles(t, part)
				}
			},
		}
	})
}
