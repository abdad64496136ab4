// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/open-telemetry/opamp-go/protobufs"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// owned has two agents that may write, and one client that may do everything.
var owned = strings.NewReplacer("writer:secret", "writer:secret\n        other:secret",
	"write: [writer]", "write: [writer, other]").Replace(guarded)

func TestCollectorsBelongToWhoRegisteredThem(t *testing.T) {
	t.Parallel()
	c := Start(t, owned)
	as := func(user string) api {
		return apiAt(dial(t, c.GRPC, insecure.NewCredentials(), grpc.WithPerRPCCredentials(password{user, "secret"})))
	}
	register := func(user string) error {
		resp, err := as(user).collectors.RegisterCollector(bounded(t), &tapiov1.RegisterCollectorRequest{Collector: &tapiov1.Collector{CollectorId: "a"}})
		require.True(t, err != nil || user == "writer" || resp.Config == nil)
		return err
	}
	require.NoError(t, register("writer"))
	began := time.Now()
	set, err := as("ruler").collectors.UpdateConfig(bounded(t), &tapiov1.UpdateConfigRequest{CollectorId: "a", Content: "token: verysecret"})
	require.NoError(t, err)

	denied := func(err error) {
		t.Helper()
		require.Equal(t, codes.PermissionDenied, status.Code(err), "%v", err)
	}
	denied(register("other"))
	_, err = as("other").collectors.UnregisterCollector(bounded(t), &tapiov1.UnregisterCollectorRequest{CollectorId: "a"})
	denied(err)
	_, err = as("reader").collectors.GetConfig(bounded(t), &tapiov1.GetConfigRequest{CollectorId: "a"})
	denied(err)
	beats, err := as("other").collectors.Heartbeat(bounded(t))
	require.NoError(t, err)
	_ = beats.Send(&tapiov1.HeartbeatRequest{CollectorId: "a"}) // Recv returns the result
	_, err = beats.Recv()
	denied(err)
	code, answer := ask(t, "POST", "http://"+c.HTTP+"/v1/collectors", "", `{"collector":{"collectorId":"a"}}`,
		"Content-Type", "application/json", "Authorization", password{"other", "secret"}.header())
	require.Equal(t, http.StatusForbidden, code, "%s", answer)
	code, answer = ask(t, "DELETE", "http://"+c.HTTP+"/v1/collectors/a", "", "", "Authorization", password{"other", "secret"}.header())
	require.Equal(t, http.StatusForbidden, code, "%s", answer)
	require.NoError(t, register("writer"), "it stays its owner's")

	_, err = as("ruler").collectors.UnregisterCollector(bounded(t), &tapiov1.UnregisterCollectorRequest{CollectorId: "a"})
	require.NoError(t, err)
	requireAudit(t, as("reader"), "tapio.collector.config.updated", "ruler", began, set.Config.Etag)
	requireAudit(t, as("reader"), "tapio.collector.config.removed", "ruler", began, "")
	require.NoError(t, register("other"), "it is free again")
}

// requireAudit finds the event of one change: who, when, what and from where.
func requireAudit(t *testing.T, client api, name, user string, since time.Time, etag string) {
	t.Helper()
	got, err := client.GetLogs(bounded(t), &tapiov1.GetLogsRequest{Filter: &tapiov1.Filter{EventNames: []string{name}}})
	require.NoError(t, err)
	require.Len(t, got.Logs, 1)
	record := got.Logs[0].LogRecord
	attributes := map[string]string{}
	for _, kv := range record.Attributes {
		attributes[kv.Key] = kv.Value.GetStringValue()
	}
	require.Equal(t, user, attributes["user.name"])
	require.Equal(t, "a", attributes["tapio.collector.id"])
	require.Equal(t, "127.0.0.1", attributes["client.address"])
	require.Contains(t, attributes["user_agent.original"], "grpc-go")
	require.Equal(t, etag, attributes["tapio.collector.config.etag"])
	require.WithinRange(t, time.Unix(0, int64(record.TimeUnixNano)), since, time.Now())
	require.NotContains(t, record.String(), "verysecret")
}

// The same holds for OpAMP.
func TestAgentsBelongToWhoConnectedThem(t *testing.T) {
	t.Parallel()
	c := Start(t, owned)
	poll := func(user string, m *protobufs.AgentToServer) *protobufs.ServerToAgent {
		m.InstanceUid = []byte("0123456789abcdef")
		m.Capabilities = uint64(protobufs.AgentCapabilities_AgentCapabilities_AcceptsRemoteConfig)
		body, err := proto.Marshal(m)
		require.NoError(t, err)
		code, text := ask(t, "POST", "http://"+c.HTTP+"/v1/opamp", "", string(body), "Content-Type", "application/x-protobuf", "Authorization", password{user, "secret"}.header())
		require.Equal(t, http.StatusOK, code, text)
		var answer protobufs.ServerToAgent
		require.NoError(t, proto.Unmarshal([]byte(text), &answer))
		return &answer
	}
	first := func() *protobufs.AgentToServer {
		return &protobufs.AgentToServer{AgentDescription: &protobufs.AgentDescription{}}
	}
	require.Nil(t, poll("writer", first()).ErrorResponse)
	ruler := apiAt(dial(t, c.GRPC, insecure.NewCredentials(), grpc.WithPerRPCCredentials(password{"ruler", "secret"})))
	_, err := ruler.collectors.UpdateConfig(bounded(t), &tapiov1.UpdateConfigRequest{CollectorId: "30313233-3435-3637-3839-616263646566", Content: "a: 1"})
	require.NoError(t, err)
	for _, m := range []*protobufs.AgentToServer{first(), {SequenceNum: 1}, {AgentDisconnect: &protobufs.AgentDisconnect{}}} {
		answer := poll("other", m)
		require.NotNil(t, answer.ErrorResponse)
		require.Nil(t, answer.RemoteConfig)
	}
	require.NotNil(t, poll("writer", &protobufs.AgentToServer{SequenceNum: 1}).RemoteConfig)
}
