// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package tapioextension

import (
	"context"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configgrpc"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/extension"

	"github.com/tapio/tapio/extension/tapioextension/internal/archiving"
	"github.com/tapio/tapio/extension/tapioextension/internal/metadata"
	"github.com/tapio/tapio/extension/tapioextension/internal/redisstate"
)

// NewFactory returns the factory of the tapio extension.
func NewFactory() extension.Factory { return newFactory(keptStores) }

func newFactory(stores *storeKeeper) extension.Factory {
	create := func(_ context.Context, set extension.Settings, cfg component.Config) (extension.Extension, error) {
		return newExtension(set, cfg.(*Config), stores), nil
	}
	return extension.NewFactory(metadata.Type, createDefaultConfig, create, metadata.ExtensionStability)
}

func createDefaultConfig() component.Config {
	grpc := configgrpc.NewDefaultServerConfig()
	grpc.NetAddr.Endpoint = "localhost:4417"
	// A thousand readers may have a connection each, and send next to nothing.
	grpc.ReadBufferSize = 32 << 10
	grpc.Keepalive = configoptional.Some(defaultKeepalive())

	http := confighttp.NewDefaultServerConfig()
	http.NetAddr.Endpoint = "localhost:4418"
	http.WriteTimeout = 0 // a live stream has no end
	http.ReadHeaderTimeout = handshakeTimeout

	return &Config{
		GRPC: grpc,
		HTTP: configoptional.Some(http),

		Jaeger: QueryAPIConfig{Enabled: true},
		MCP:    QueryAPIConfig{Enabled: true},

		Store: StoreConfig{
			MemoryLimit: defaultMemoryLimit,
			MaxAge:      24 * time.Hour,
			Shares:      Shares{Logs: 40, Traces: 40, Metrics: 20},
			QueryMemory: 128 << 20,
		},
		MaxStreams:   1000,
		SpareThreads: defaultSpareThreads,
		Limits: LimitsConfig{
			InFlightSize:      64 << 20,
			RequestMemory:     128 << 20,
			MaxQueries:        64,
			SlowReaderTimeout: time.Minute,
			ReaderMemory:      64 << 20,
			ReaderLag:         30 * time.Second,
			DuplicateWindow:   8 << 20,
		},
		Prometheus:    defaultPrometheus(),
		UI:            UIConfig{Enabled: true},
		Rules:         RulesConfig{EvaluationInterval: time.Minute},
		RecordMetrics: RecordMetricsConfig{Interval: 15 * time.Second, MaxSeries: 1000},
		Collectors: CollectorsConfig{
			Max:               10_000,
			MemoryLimit:       64 << 20,
			HeartbeatInterval: 10 * time.Second,
			DegradedAfter:     2,
			LostAfter:         6,
		},
		Notifications:   defaultNotifications(),
		Members:         defaultMembers(),
		Backends:        defaultBackends(),
		Archive:         archiving.DefaultConfig(),
		Redis:           redisstate.DefaultConfig(),
		SLOs:            defaultSLOs(),
		ShutdownTimeout: 3 * time.Second,
	}
}

// defaultKeepalive finds out within a minute that a client is gone without a
// word, and lets clients ask likewise, but not all the time. Connections without
// a call end after a while.
func defaultKeepalive() configgrpc.KeepaliveServerConfig {
	keepalive := configgrpc.NewDefaultKeepaliveServerConfig()
	keepalive.ServerParameters.Get().Time = 30 * time.Second
	keepalive.ServerParameters.Get().Timeout = 20 * time.Second
	keepalive.ServerParameters.Get().MaxConnectionIdle = 10 * time.Minute
	keepalive.EnforcementPolicy.Get().MinTime = 10 * time.Second
	keepalive.EnforcementPolicy.Get().PermitWithoutStream = true
	return keepalive
}
