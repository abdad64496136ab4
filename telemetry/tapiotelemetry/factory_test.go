// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package tapiotelemetry

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/service/telemetry"
	"go.opentelemetry.io/collector/service/telemetry/otelconftelemetry"
)

func TestLastFlushIsBestEffort(t *testing.T) {
	for _, protocol := range []string{"http/protobuf", "grpc"} {
		t.Run(protocol, func(t *testing.T) {
			mp, shutdownLogger := start(t, NewFactory(), protocol)
			began := time.Now()
			assert.NoError(t, mp.Shutdown(t.Context()))
			assert.NoError(t, shutdownLogger(t.Context()))
			assert.Less(t, time.Since(began), 3*flushTimeout)
		})
	}
}

// The day this fails, the package has become superfluous.
func TestUpstreamTakesALostFlushForAFailure(t *testing.T) {
	mp, shutdownLogger := start(t, otelconftelemetry.NewFactory(), "http/protobuf")
	assert.Error(t, mp.Shutdown(t.Context()))
	assert.Error(t, shutdownLogger(t.Context()))
}

// start returns providers with something to flush, to an address where nothing listens.
func start(t *testing.T, f telemetry.Factory, protocol string) (telemetry.MeterProvider, component.ShutdownFunc) {
	t.Helper()
	l, err := net.Listen("tcp", "localhost:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	otlp := map[string]any{"otlp": map[string]any{
		"protocol": protocol, "endpoint": "http://" + l.Addr().String() + "/v1/any", "timeout": 500, "insecure": true,
	}}
	cfg := f.CreateDefaultConfig()
	require.NoError(t, confmap.NewFromStringMap(map[string]any{
		"logs":    map[string]any{"processors": []any{map[string]any{"batch": map[string]any{"exporter": otlp}}}},
		"metrics": map[string]any{"readers": []any{map[string]any{"periodic": map[string]any{"exporter": otlp}}}},
	}).Unmarshal(cfg))

	ctx := context.Background()
	set := telemetry.Settings{BuildInfo: component.NewDefaultBuildInfo()}
	res, err := f.CreateResource(ctx, set, cfg)
	require.NoError(t, err)
	set.Resource = &res
	logger, shutdownLogger, err := f.CreateLogger(ctx, telemetry.LoggerSettings{Settings: set}, cfg)
	require.NoError(t, err)
	logger.Info("to be flushed")
	mp, err := f.CreateMeterProvider(ctx, telemetry.MeterSettings{Settings: set, Logger: logger}, cfg)
	require.NoError(t, err)
	counter, err := mp.Meter("test").Int64Counter("to.be.flushed")
	require.NoError(t, err)
	counter.Add(ctx, 1)
	return mp, shutdownLogger
}
