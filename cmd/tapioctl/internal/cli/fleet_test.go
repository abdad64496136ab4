// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/tapio/tapio/cmd/tapioctl/internal/app"
	"github.com/tapio/tapio/cmd/tapioctl/internal/dial"
	"github.com/tapio/tapio/cmd/tapioctl/internal/exitcode"
	"github.com/tapio/tapio/cmd/tapioctl/internal/render"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

func fleetOfTwo() *tapiov1.ListCollectorsResponse {
	return &tapiov1.ListCollectorsResponse{
		Collectors: []*tapiov1.Collector{
			{
				CollectorId: "one", CollectorType: "otelcol", Version: "1.2", Node: "n1", Protocol: "opamp", ConfigVersion: 2,
				State: tapiov1.Collector_STATE_HEALTHY, LastSeenAt: timestamppb.New(testNow().Add(-3 * time.Second)),
			},
			{
				CollectorId: "two", Protocol: "grpc", State: tapiov1.Collector_STATE_LOST,
				LastSeenAt:   timestamppb.New(testNow().Add(-time.Hour)),
				ConfigStatus: &tapiov1.ConfigStatus{Version: 3, Result: tapiov1.ConfigStatus_RESULT_FAILED},
				Status:       &tapiov1.CollectorStatus{Message: "queue\nfull"},
			},
		},
		StateCounts: map[string]uint64{"STATE_HEALTHY": 1, "STATE_LOST": 1},
	}
}

func TestGetCollectors(t *testing.T) {
	var asked *tapiov1.ListCollectorsRequest
	c := newCLI(t, &fakeServer{list: func(r *tapiov1.ListCollectorsRequest) (*tapiov1.ListCollectorsResponse, error) {
		asked = r
		return fleetOfTwo(), nil
	}})
	got := c.run(t, "get", "collectors", "--state", "lost,healthy", "--sort", "node desc", "-l", "node=n1")
	require.Zero(t, got.code, got.errOut)
	requireGolden(t, "collectors.table", got.out)
	assert.Equal(t, "tapioctl: 2 collectors: 1 healthy, 1 lost\n", got.errOut)
	assert.Equal(t, "node desc", asked.GetOrderBy())
	assert.Equal(t, []tapiov1.Collector_State{tapiov1.Collector_STATE_LOST, tapiov1.Collector_STATE_HEALTHY}, asked.GetStates())
	assert.Equal(t, "node", asked.GetFilter().GetLabelSelectors()[0].GetKey())

	got = c.run(t, "get", "collectors", "-o", "json")
	assert.Contains(t, got.out, `{"collectorId":"one"`)
	got = c.run(t, "get", "collectors", "--state", "dead")
	assert.Equal(t, exitcode.Usage, got.code)
}

func TestConfigGetAndSet(t *testing.T) {
	var asked *tapiov1.UpdateConfigRequest
	kept := &tapiov1.GetConfigResponse{
		Config: &tapiov1.CollectorConfig{Version: 2, Etag: "tag", Content: "a: 1\n"},
		Status: &tapiov1.ConfigStatus{Version: 1, Result: tapiov1.ConfigStatus_RESULT_APPLIED, EffectiveContent: "a: 0\n"},
	}
	c := newCLI(t, &fakeServer{
		getConfig: func(*tapiov1.GetConfigRequest) (*tapiov1.GetConfigResponse, error) { return kept, nil },
		updateConfig: func(r *tapiov1.UpdateConfigRequest) (*tapiov1.UpdateConfigResponse, error) {
			asked = r
			if r.GetEtag() == "stale" {
				return nil, status.Error(codes.Aborted, "etag: stale")
			}
			return &tapiov1.UpdateConfigResponse{Config: &tapiov1.CollectorConfig{Version: 3, Etag: "next"}}, nil
		},
	})
	got := c.run(t, "config", "get", "one")
	assert.Equal(t, "a: 1\n", got.out)
	assert.Equal(t, "tapioctl: version 2, etag tag, version 1 is in force\n", got.errOut)
	assert.Equal(t, "a: 0\n", c.run(t, "config", "get", "one", "--effective").out)

	file := filepath.Join(t.TempDir(), "new.yaml")
	require.NoError(t, os.WriteFile(file, []byte("a: 2"), 0o600))
	got = c.run(t, "config", "set", "one", "-f", file, "--dry-run")
	assert.Equal(t, "tapioctl: sound, and would be set as version 3, etag next\n", got.errOut)
	assert.True(t, asked.GetValidateOnly())
	c.in.WriteString("a: 3")
	assert.Zero(t, c.run(t, "config", "set", "one", "-f", "-").code)
	assert.Equal(t, "a: 3", asked.GetContent())
	assert.Equal(t, exitcode.Refused, c.run(t, "config", "set", "one", "-f", file, "--etag", "stale").code)
	assert.Equal(t, exitcode.Usage, c.run(t, "config", "set", "one").code)
	kept.Config = nil
	assert.Equal(t, exitcode.Refused, c.run(t, "config", "get", "one").code)
}

func TestTopShowsRates(t *testing.T) {
	at := testNow()
	c := newCLI(t, &fakeServer{
		list: func(*tapiov1.ListCollectorsRequest) (*tapiov1.ListCollectorsResponse, error) {
			return fleetOfTwo(), nil
		},
		figures: func() *tapiov1.TapioServiceGetMetricsResponse {
			at = at.Add(2 * time.Second)
			passed := uint64(at.Sub(testNow()).Seconds())
			return &tapiov1.TapioServiceGetMetricsResponse{
				Time:      timestamppb.New(at),
				HeapBytes: 5 << 20, GoroutineCount: 12, OpenStreamCount: 1, OpenConnectionCount: 2,
				Store:                []*tapiov1.StoreStats{{Signal: "logs", AppendedCount: 1000 * passed, SizeBytes: 50, CapacityBytes: 100}},
				AcceptedRecordCount:  10 * passed,
				RejectedRecordCounts: map[string]uint64{"invalid": 3},
				AckLatencyP50:        durationpb.New(time.Millisecond),
				FindingCounts:        map[string]uint64{"tapio.correlation": 1200, "tapio.semantic_group": 1},
			}
		},
	})
	got := c.run(t, "top", "--count", "2")
	require.Zero(t, got.code, got.errOut)
	requireGolden(t, "top.txt", got.out)
	assert.NotContains(t, got.out, "\x1b", "no terminal, no control sequences")
	assert.Equal(t, exitcode.Usage, c.run(t, "top", "--interval", "1ms").code)
}

// What a flag sets goes before the environment, and that before the file.
func TestSettingsFile(t *testing.T) {
	home := t.TempDir()
	file := filepath.Join(home, ".config", "tapioctl", "config.yaml")
	require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o700))
	write := func(text string) { require.NoError(t, os.WriteFile(file, []byte(text), 0o600)) }
	write("server: passthrough:///file\ntoken: secret\ntimeout: 3s\ntls: true\n")

	settle := func(environment map[string]string, given ...string) (*dial.Flags, error) {
		environment["HOME"] = home
		a := &app.App{Out: render.NewOutput(io.Discard, io.Discard, false, testNow), Environ: func(name string) string { return environment[name] }}
		root := newRootCommand(a)
		require.NoError(t, root.PersistentFlags().Parse(given))
		return &a.Flags, a.CompleteFlags(root.PersistentFlags().Changed)
	}
	f, err := settle(map[string]string{})
	require.NoError(t, err)
	assert.Equal(t, "passthrough:///file", f.Server)
	assert.Equal(t, "secret", f.Token)
	assert.Equal(t, 3*time.Second, f.Timeout)
	assert.True(t, f.TLS)
	f, err = settle(map[string]string{"TAPIO_SERVER": "env:1", "TAPIO_TOKEN": "env"}, "--server=flag:1", "--timeout=7s", "--tls=false")
	require.NoError(t, err)
	assert.Equal(t, "flag:1", f.Server)
	assert.Equal(t, "env", f.Token)
	assert.Equal(t, 7*time.Second, f.Timeout)
	assert.False(t, f.TLS)

	_, err = settle(map[string]string{"TAPIO_CONFIG": filepath.Join(home, "none")})
	require.ErrorContains(t, err, "no such file", "one that was asked for must be there")
	write("sever: x\n")
	_, err = settle(map[string]string{})
	require.ErrorContains(t, err, "the keys are server")
}
