// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package opamp

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/open-telemetry/opamp-go/protobufs"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"google.golang.org/protobuf/proto"

	"github.com/tapio/tapio/extension/tapioextension/internal/fleet"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// subjects is a registry whose clients say who they are in their context.
type subjects struct{ *fleet.Registry }

type subjectKey struct{}

func (s subjects) FleetOf(ctx context.Context) fleet.Caller {
	subject, _ := ctx.Value(subjectKey{}).(string)
	return s.As(subject, false)
}

func (s subjects) Unregister(ctx context.Context, id string) error {
	_, err := s.FleetOf(ctx).Unregister(id)
	return err
}

// connection is one that sends nothing anywhere.
type connection struct{}

func (connection) Connection() net.Conn                                 { return nil }
func (connection) Send(context.Context, *protobufs.ServerToAgent) error { return nil }
func (connection) Disconnect() error                                    { return nil }

var uid = []byte("0123456789abcdef")

const id = "30313233-3435-3637-3839-616263646566"

type agents struct {
	*testing.T
	*Server
	registry *fleet.Registry
}

func newAgents(t *testing.T) agents {
	t.Helper()
	registry := fleet.New(fleet.Limits{Collectors: 10, Bytes: 1 << 20, Interval: time.Minute, DegradedAfter: 2, LostAfter: 6}, time.Now)
	server, err := New(subjects{registry}, zap.NewNop(), func(error) {})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Stop(context.Background())) })
	return agents{t, server, registry}
}

// connect returns the agent behind a new connection of a subject.
func (a agents) connect(subject string, lasting bool) *agent {
	r := httptest.NewRequest(http.MethodGet, Path, nil)
	client := context.WithValue(r.Context(), subjectKey{}, subject)
	return &agent{Server: a.Server, client: client, fleet: a.members.FleetOf(client), connection: new(byte), lasting: lasting}
}

const (
	takes   = uint64(protobufs.AgentCapabilities_AgentCapabilities_AcceptsRemoteConfig)
	reports = uint64(protobufs.AgentCapabilities_AgentCapabilities_ReportsRemoteConfig)
)

func message(sequence, capabilities uint64, first bool, hash string) *protobufs.AgentToServer {
	m := &protobufs.AgentToServer{InstanceUid: uid, SequenceNum: sequence, Capabilities: capabilities}
	if first {
		m.AgentDescription = &protobufs.AgentDescription{}
	}
	if hash != "" {
		m.RemoteConfigStatus = &protobufs.RemoteConfigStatus{LastRemoteConfigHash: []byte(hash), Status: protobufs.RemoteConfigStatuses_RemoteConfigStatuses_APPLIED}
	}
	return m
}

func (a agents) configure(content string) string {
	a.Helper()
	config, err := a.registry.As("", true).Configure(&tapiov1.UpdateConfigRequest{CollectorId: id, Content: content})
	require.NoError(a, err)
	return config.GetEtag()
}

func TestAConfigurationIsSentUntilItIsReported(t *testing.T) {
	a := newAgents(t)
	poll := func(m *protobufs.AgentToServer) bool {
		return a.connect("", false).message(t.Context(), connection{}, m).GetRemoteConfig() != nil
	}
	poll(message(0, takes|reports, true, ""))
	hash := a.configure("a: 1")
	assert.True(t, poll(message(1, takes|reports, false, "")))
	assert.True(t, poll(message(2, takes|reports, false, "")), "the answer may have been lost")
	assert.False(t, poll(message(3, takes|reports, false, hash)))
	assert.False(t, poll(message(4, takes|reports, false, "")), "it leaves out what is unchanged")
	assert.False(t, poll(message(5, takes|reports, true, "")), "so does a new description")
	assert.True(t, poll(message(6, takes|reports, false, "other")))
	assert.True(t, poll(message(0, takes|reports, true, "")), "it restarted")
	assert.False(t, poll(message(1, takes|reports, false, hash)))
	a.configure("a: 2")
	assert.True(t, poll(message(2, takes|reports, false, "")))
	assert.False(t, poll(message(3, 0, false, "")), "it takes none")
}

func TestAgentsThatReportNothingGetAConfigurationOnce(t *testing.T) {
	a := newAgents(t)
	for _, lasting := range []bool{false, true} {
		first := a.connect("", lasting)
		first.message(t.Context(), connection{}, message(0, takes, true, ""))
		a.configure("a: 1")
		if lasting { // pushed as well
			first.closed(connection{})
			first = a.connect("", true)
		}
		offers := 0
		for sequence := range uint64(4) {
			if first.message(t.Context(), connection{}, message(sequence+1, takes, false, "")).GetRemoteConfig() != nil {
				offers++
			}
		}
		assert.LessOrEqual(t, offers, 1)
		first.closed(connection{})
	}
}

func TestGapsAskForTheFullState(t *testing.T) {
	a := newAgents(t)
	conn := a.connect("", false)
	asked := func(sequence uint64, full bool) bool {
		flags := conn.message(t.Context(), connection{}, message(sequence, 0, full, "")).GetFlags()
		return flags&uint64(protobufs.ServerToAgentFlags_ServerToAgentFlags_ReportFullState) != 0
	}
	assert.True(t, asked(7, false), "it is not known")
	assert.False(t, asked(8, true))
	assert.False(t, asked(9, false))
	assert.True(t, asked(11, false))
	assert.False(t, asked(12, true), "there it is")
	assert.True(t, asked(0, false), "it restarted and does not describe itself")
}

// The end of a connection that was replaced says nothing of the agent.
func TestAnOldConnectionMayEndLate(t *testing.T) {
	a := newAgents(t)
	state := func() tapiov1.Collector_State {
		page, err := a.registry.List(fleet.Query{Limit: 1})
		require.NoError(t, err)
		require.Len(t, page.Collectors, 1)
		return page.Collectors[0].GetState()
	}
	old, replacement := a.connect("", true), a.connect("", true)
	healthy := message(0, 0, true, "")
	healthy.Health = &protobufs.ComponentHealth{Healthy: true}
	old.message(t.Context(), connection{}, healthy)
	next := proto.CloneOf(healthy)
	next.SequenceNum = 1
	replacement.message(t.Context(), connection{}, next)
	old.closed(connection{})
	assert.Equal(t, tapiov1.Collector_STATE_HEALTHY, state())
	replacement.closed(connection{})
	assert.Equal(t, tapiov1.Collector_STATE_DEGRADED, state())
}

func TestAgentsOfOthersAreRefused(t *testing.T) {
	a := newAgents(t)
	owner, other := a.connect("alice", false), a.connect("bob", false)
	owner.message(t.Context(), connection{}, message(0, takes, true, ""))
	a.configure("token: secret")
	for _, m := range []*protobufs.AgentToServer{
		message(0, takes, true, ""), message(1, takes, false, ""), {InstanceUid: uid, AgentDisconnect: &protobufs.AgentDisconnect{}},
	} {
		answer := other.message(t.Context(), connection{}, m)
		assert.Contains(t, answer.GetErrorResponse().GetErrorMessage(), "belongs to another subject")
		assert.Nil(t, answer.GetRemoteConfig())
	}
	assert.NotNil(t, owner.message(t.Context(), connection{}, message(1, takes, false, "")).GetRemoteConfig())
	owner.message(t.Context(), connection{}, &protobufs.AgentToServer{InstanceUid: uid, AgentDisconnect: &protobufs.AgentDisconnect{}})
	assert.Nil(t, other.message(t.Context(), connection{}, message(0, takes, true, "")).GetErrorResponse(), "it is free again")
}
