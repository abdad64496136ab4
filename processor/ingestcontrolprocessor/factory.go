// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package ingestcontrolprocessor

import (
	"context"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/processor/processorhelper"

	"github.com/tapio/tapio/internal/ingestcontrol"
	"github.com/tapio/tapio/processor/ingestcontrolprocessor/internal/metadata"
)

// NewFactory returns the factory of the ingest control processor.
func NewFactory() processor.Factory {
	return processor.NewFactory(metadata.Type, createDefaultConfig,
		processor.WithLogs(createLogs, metadata.LogsStability),
		processor.WithMetrics(createMetrics, metadata.MetricsStability),
		processor.WithTraces(createTraces, metadata.TracesStability))
}

func createDefaultConfig() component.Config {
	return &Config{
		Logs:    ingestcontrol.DefaultConfig(),
		Metrics: ingestcontrol.DefaultConfig(),
		Traces:  ingestcontrol.DefaultConfig(),
	}
}

func createLogs(ctx context.Context, set processor.Settings, cfg component.Config, next consumer.Logs) (processor.Logs, error) {
	config := cfg.(*Config)
	filter, err := logFilter(set.TelemetrySettings, config.Logs)
	if err != nil {
		return nil, err
	}
	c, err := newControl(set, "logs", config.Source, config.Logs)
	if err != nil {
		return nil, err
	}
	p := &logsControl{control: c, filter: filter}
	return processorhelper.NewLogs(ctx, set, cfg, next, p.process, c.options()...)
}

func createMetrics(ctx context.Context, set processor.Settings, cfg component.Config, next consumer.Metrics) (processor.Metrics, error) {
	config := cfg.(*Config)
	filter, err := pointFilter(set.TelemetrySettings, config.Metrics)
	if err != nil {
		return nil, err
	}
	c, err := newControl(set, "metrics", config.Source, config.Metrics)
	if err != nil {
		return nil, err
	}
	p := &metricsControl{control: c, filter: filter}
	return processorhelper.NewMetrics(ctx, set, cfg, next, p.process, c.options()...)
}

func createTraces(ctx context.Context, set processor.Settings, cfg component.Config, next consumer.Traces) (processor.Traces, error) {
	config := cfg.(*Config)
	filter, err := spanFilter(set.TelemetrySettings, config.Traces)
	if err != nil {
		return nil, err
	}
	c, err := newControl(set, "traces", config.Source, config.Traces)
	if err != nil {
		return nil, err
	}
	p := &tracesControl{control: c, filter: filter}
	return processorhelper.NewTraces(ctx, set, cfg, next, p.process, c.options()...)
}
