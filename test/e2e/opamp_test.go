// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"crypto/rand"
	"strings"
	"testing"

	opampclient "github.com/open-telemetry/opamp-go/client"
	"github.com/open-telemetry/opamp-go/client/types"
	"github.com/open-telemetry/opamp-go/protobufs"
	"github.com/stretchr/testify/require"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// member is a stock collector whose opamp extension reports to SERVER.
const member = `
extensions:
  opamp:
    server: {ws: {endpoint: "ws://SERVER/v1/opamp"}}
    agent_description: {non_identifying_attributes: {deployment.environment.name: e2e}}
receivers:
  otlp: {protocols: {grpc: {endpoint: "localhost:0"}}}
exporters: {nop: }
service:
  extensions: [opamp]
  telemetry: {logs: {encoding: json}, metrics: {level: none}}
  pipelines:
    logs: {receivers: [otlp], exporters: [nop]}
`

// A collector that knows nothing of Tapio is a member of the fleet.
func TestStockCollectorJoinsByOpAMP(t *testing.T) {
	t.Parallel()
	c := Start(t, standard)
	client := apiOf(t, c)
	one := Start(t, strings.ReplaceAll(member, "SERVER", c.HTTP))
	byEnvironment := &tapiov1.ListCollectorsRequest{Filter: &tapiov1.Filter{LabelSelectors: []*tapiov1.Filter_LabelSelector{
		{Key: "environment", Values: []string{"e2e"}}, {Key: "protocol", Values: []string{"opamp"}},
	}}}
	var found *tapiov1.Collector
	eventually(t, callLimit, func() bool {
		for _, found = range collectorsBy(t, client, byEnvironment) {
			return found.State == tapiov1.Collector_STATE_HEALTHY
		}
		return false
	}, "it is listed, and healthy")
	require.Equal(t, "tapio", found.CollectorType)
	require.NotEmpty(t, found.Version)
	require.Contains(t, found.Capabilities, "ReportsHealth")
	var config *tapiov1.GetConfigResponse
	eventually(t, callLimit, func() bool {
		var err error
		config, err = client.collectors.GetConfig(bounded(t), &tapiov1.GetConfigRequest{CollectorId: found.CollectorId})
		require.NoError(t, err)
		return config.Status.GetEffectiveContent() != ""
	}, "its configuration is known")
	require.Contains(t, config.Status.EffectiveContent, "nop:")

	require.Zero(t, one.Stop())
	eventually(t, callLimit, func() bool {
		left := collectorsBy(t, client, byEnvironment)
		return len(left) == 0 || left[found.CollectorId].State != tapiov1.Collector_STATE_HEALTHY
	}, "its end is noticed")
}

// An agent that takes a remote configuration gets it pushed, and its answer is
// known.
func TestRemoteConfigurationByOpAMP(t *testing.T) {
	t.Parallel()
	c := Start(t, standard)
	client := apiOf(t, c)
	var uid types.InstanceUid
	_, _ = rand.Read(uid[:]) // never fails
	agent := opampclient.NewWebSocket(nil)
	attribute := &protobufs.KeyValue{Key: "service.name", Value: &protobufs.AnyValue{Value: &protobufs.AnyValue_StringValue{StringValue: "agent"}}}
	require.NoError(t, agent.SetAgentDescription(&protobufs.AgentDescription{IdentifyingAttributes: []*protobufs.KeyValue{attribute}}))
	capabilities := protobufs.AgentCapabilities_AgentCapabilities_AcceptsRemoteConfig |
		protobufs.AgentCapabilities_AgentCapabilities_ReportsRemoteConfig | protobufs.AgentCapabilities_AgentCapabilities_ReportsStatus
	require.NoError(t, agent.SetCapabilities(&capabilities))
	settings := types.StartSettings{
		OpAMPServerURL: "ws://" + c.HTTP + "/v1/opamp", InstanceUid: uid,
		Callbacks: types.Callbacks{OnMessage: func(_ context.Context, m *types.MessageData) { takeConfig(agent, m.RemoteConfig) }},
	}
	require.NoError(t, agent.Start(t.Context(), settings))
	t.Cleanup(func() { _ = agent.Stop(context.Background()) })

	var id string
	eventually(t, callLimit, func() bool {
		for id = range collectorsBy(t, client, &tapiov1.ListCollectorsRequest{}) {
			return true
		}
		return false
	}, "it is registered")
	for content, want := range map[string]tapiov1.ConfigStatus_Result{
		"good: true": tapiov1.ConfigStatus_RESULT_APPLIED, "bad: true": tapiov1.ConfigStatus_RESULT_FAILED,
	} {
		set, err := client.collectors.UpdateConfig(bounded(t), &tapiov1.UpdateConfigRequest{CollectorId: id, Content: content})
		require.NoError(t, err)
		eventually(t, callLimit, func() bool {
			got, err := client.collectors.GetConfig(bounded(t), &tapiov1.GetConfigRequest{CollectorId: id})
			require.NoError(t, err)
			return got.Status.GetVersion() == set.Config.Version && got.Status.GetResult() == want
		}, "it says what became of "+content)
	}
}

// takeConfig refuses what is bad.
func takeConfig(agent opampclient.OpAMPClient, config *protobufs.AgentRemoteConfig) {
	if config == nil {
		return
	}
	status := &protobufs.RemoteConfigStatus{
		LastRemoteConfigHash: config.GetConfigHash(), Status: protobufs.RemoteConfigStatuses_RemoteConfigStatuses_APPLIED,
	}
	if strings.HasPrefix(string(config.GetConfig().GetConfigMap()[""].GetBody()), "bad") {
		status.Status, status.ErrorMessage = protobufs.RemoteConfigStatuses_RemoteConfigStatuses_FAILED, "bad"
	}
	_ = agent.SetRemoteConfigStatus(status) // the test waits for it
}
