// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package ebpfreceiver

import (
	"context"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"

	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/metadatatest"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/profile"
)

// OpenTelemetry's profiler is started again when something killed its process. The probe samples CPUs
// meanwhile, and its end is counted.
func TestAKilledProfilerIsStartedAgain(t *testing.T) {
	if !permitted(t) {
		return
	}
	config, set := otelProfiled(profile.CPUProfilerAuto, 97)
	telemetry := componenttest.NewTelemetry()
	t.Cleanup(func() { require.NoError(t, telemetry.Shutdown(context.Background())) })
	set.MeterProvider = telemetry.NewTelemetrySettings().MeterProvider
	sink, _ := started(t, config, set.Settings)
	set.waits(t)
	killed := profilerProcess(t)
	require.NoError(t, syscall.Kill(killed, syscall.SIGKILL))
	set.takenOver(t, sink, "stopped by itself.*\n.*signal: killed")
	assert.Equal(t, 10*time.Second, set.logs.FilterMessageSnippet("profile, on_cpu").All()[0].ContextMap()["restart_delay"])
	const samples = "CPUs are sampled by OpenTelemetry's eBPF profiler"
	require.Eventually(t, func() bool { return set.logs.FilterMessage(samples).Len() == 2 }, 2*time.Minute, 50*time.Millisecond)
	assert.NotContains(t, []int{0, killed}, profilerProcess(t))
	metadatatest.AssertEqualTapioEbpfProfilerExits(t, telemetry, []metricdata.DataPoint[int64]{{Value: 1}}, metricdatatest.IgnoreTimestamp())
}
