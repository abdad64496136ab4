// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	collogs "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
	"github.com/tapio/tapio/test/running"
)

// supervised is how the stock OpAMP supervisor runs a collector under SERVER.
const supervised = `
server: {endpoint: "ws://SERVER/v1/opamp"}
capabilities: {accepts_remote_config: true, reports_remote_config: true, reports_effective_config: true, reports_health: true}
agent: {executable: TAPIO, bootstrap_timeout: 30s, config_apply_timeout: 30s, validate_config: true}
storage: {directory: STATE}
telemetry: {logs: {level: debug, output_paths: [LOG]}}
`

// given makes the supervised collector take OTLP at ADDRESS and pass it on.
const given = `
receivers: {otlp: {protocols: {grpc: {endpoint: "ADDRESS"}}}}
exporters: {otlp_grpc: {endpoint: "OTLP", tls: {insecure: true}}}
service: {pipelines: {logs: {receivers: [otlp], exporters: [otlp_grpc]}}}
`

// startSupervisor runs the stock supervisor until the test ends.
func startSupervisor(t *testing.T, under *Collector) {
	t.Helper()
	folder := t.TempDir()
	log := filepath.Join(folder, "log")
	text := strings.NewReplacer("SERVER", under.HTTP, "TAPIO", binary(t, "TAPIO_BIN", "tapio"), "STATE", folder, "LOG", log).Replace(supervised)
	config := filepath.Join(folder, "supervisor.yaml")
	require.NoError(t, os.WriteFile(config, []byte(text), 0o600))
	supervisor := background(t, running.Command{
		Args: []string{binary(t, "OPAMPSUPERVISOR_BIN", "opampsupervisor"), "--config", config}, Grace: startLimit,
	})
	t.Cleanup(func() {
		supervisor.Stop()
		if t.Failed() {
			said, _ := os.ReadFile(log)
			t.Logf("log of the supervisor:\n%s", tail(said, 8<<10))
		}
	})
}

// A stock collector under the stock supervisor takes the configuration that
// UpdateConfig sets, and applies it; of one that it cannot run it reports
// the reason, and continues with the one before.
func TestSupervisedCollectorTakesItsConfiguration(t *testing.T) {
	t.Parallel()
	c := Start(t, standard)
	client := apiOf(t, c)
	startSupervisor(t, c)
	var one *tapiov1.Collector
	eventually(t, 2*callLimit, func() bool {
		for _, one = range collectorsBy(t, client, &tapiov1.ListCollectorsRequest{}) {
			return one.State == tapiov1.Collector_STATE_HEALTHY
		}
		return false
	}, "it is listed, and healthy")
	require.Contains(t, one.Capabilities, "AcceptsRemoteConfig")
	become := func(content string) *tapiov1.ConfigStatus {
		set, err := client.collectors.UpdateConfig(bounded(t), &tapiov1.UpdateConfigRequest{CollectorId: one.CollectorId, Content: content})
		require.NoError(t, err)
		var answer *tapiov1.ConfigStatus
		eventually(t, 2*callLimit, func() bool {
			got, err := client.collectors.GetConfig(bounded(t), &tapiov1.GetConfigRequest{CollectorId: one.CollectorId})
			require.NoError(t, err)
			answer = got.GetStatus()
			return answer.GetVersion() == set.GetConfig().GetVersion() && answer.GetResult() != tapiov1.ConfigStatus_RESULT_UNSPECIFIED
		}, "it says what became of the configuration")
		return answer
	}
	address := freeAddress(t)
	answer := become(strings.NewReplacer("ADDRESS", address, "OTLP", c.OTLPGRPC).Replace(given))
	require.Equal(t, tapiov1.ConfigStatus_RESULT_APPLIED, answer.Result, answer.Message)
	agent := collogs.NewLogsServiceClient(dial(t, address, insecure.NewCredentials()))
	reaches := func(name string) {
		_, err := agent.Export(bounded(t), lines("supervised", 0, 3, name), grpc.WaitForReady(true)) // it may just start
		require.NoError(t, err)
		eventually(t, callLimit, func() bool { return len(stored(t, client, name)) == 3 }, "what it takes arrives")
	}
	reaches("e2e.supervised")
	eventually(t, callLimit, func() bool {
		got, err := client.collectors.GetConfig(bounded(t), &tapiov1.GetConfigRequest{CollectorId: one.CollectorId})
		require.NoError(t, err)
		return strings.Contains(got.GetStatus().GetEffectiveContent(), "otlp_grpc")
	}, "what is really in force is known")

	answer = become("receivers: {nonsense: {}}\nservice: {pipelines: {logs: {receivers: [nonsense], exporters: [nop]}}}\n")
	require.Equal(t, tapiov1.ConfigStatus_RESULT_FAILED, answer.Result)
	require.Contains(t, answer.Message, "nonsense")
	reaches("e2e.supervised.still")
}
