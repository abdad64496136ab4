// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package tapiotelemetry provides the collector's own logs, metrics and traces, configured as everywhere else under
// service::telemetry.
//
// It differs from the upstream provider in one thing: the last flush at shutdown is best effort. A collector that keeps
// its own telemetry sends it to a receiver of its own, and the service stops its receivers before its telemetry, so that
// flush can never arrive. Upstream takes it for a failed shutdown: SIGTERM ends with exit code 1, and SIGHUP ends the
// process instead of reloading the configuration. The same happens there when a remote telemetry back end is down.
package tapiotelemetry // import "github.com/tapio/tapio/telemetry/tapiotelemetry"

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/service/telemetry"
	"go.opentelemetry.io/collector/service/telemetry/otelconftelemetry"
)

// flushTimeout bounds the last flush of each provider; there are three, and an orderly stop has five seconds in all.
const flushTimeout = time.Second

// NewFactory returns the upstream telemetry with best-effort shutdown.
func NewFactory() telemetry.Factory {
	f := otelconftelemetry.NewFactory()
	return telemetry.NewFactory(
		f.CreateDefaultConfig,
		telemetry.WithCreateResource(f.CreateResource),
		telemetry.WithCreateLogger(
			func(ctx context.Context, set telemetry.LoggerSettings, cfg component.Config) (*zap.Logger, component.ShutdownFunc, error) {
				logger, shutdown, err := f.CreateLogger(ctx, set, cfg)
				return logger, bestEffort(shutdown), err
			}),
		telemetry.WithCreateMeterProvider(
			func(ctx context.Context, set telemetry.MeterSettings, cfg component.Config) (telemetry.MeterProvider, error) {
				mp, err := f.CreateMeterProvider(ctx, set, cfg)
				if err != nil {
					return nil, err
				}
				return meterProvider{MeterProvider: mp}, nil
			}),
		telemetry.WithCreateTracerProvider(
			func(ctx context.Context, set telemetry.TracerSettings, cfg component.Config) (telemetry.TracerProvider, error) {
				tp, err := f.CreateTracerProvider(ctx, set, cfg)
				if err != nil {
					return nil, err
				}
				return tracerProvider{TracerProvider: tp}, nil
			}),
	)
}

type meterProvider struct{ telemetry.MeterProvider }

func (p meterProvider) Shutdown(ctx context.Context) error {
	return bestEffort(p.MeterProvider.Shutdown)(ctx)
}

type tracerProvider struct{ telemetry.TracerProvider }

func (p tracerProvider) Shutdown(ctx context.Context) error {
	return bestEffort(p.TracerProvider.Shutdown)(ctx)
}

// Unwrap gives components such as zpages the SDK's provider, to register their span processors with.
func (p tracerProvider) Unwrap() trace.TracerProvider { return p.TracerProvider }

// bestEffort bounds shutdown and drops its error: by then there is no log left to write it to, and nothing that could handle it.
func bestEffort(shutdown component.ShutdownFunc) component.ShutdownFunc {
	return func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, flushTimeout)
		defer cancel()
		_ = shutdown.Shutdown(ctx)
		return nil
	}
}
