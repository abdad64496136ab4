// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package semanticcorrelationprocessor

import (
	"context"
	"crypto/rand"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/xconsumer"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/processor/xprocessor"

	"github.com/tapio/tapio/processor/semanticcorrelationprocessor/internal/metadata"
)

// NewFactory returns the factory of the semantic correlation processor. The
// value that it returns holds the engines: one by component id, which the
// pipelines of all signals share.
func NewFactory() processor.Factory {
	f := &factory{engines: map[component.ID]*engine{}, salt: rand.Text()}
	return xprocessor.NewFactory(metadata.Type, createDefaultConfig,
		xprocessor.WithLogs(f.createLogs, metadata.LogsStability),
		xprocessor.WithTraces(f.createTraces, metadata.TracesStability),
		xprocessor.WithMetrics(f.createMetrics, metadata.MetricsStability),
		xprocessor.WithProfiles(f.createProfiles, metadata.ProfilesStability))
}

func createDefaultConfig() component.Config {
	return &Config{
		MemoryLimit: 128 << 20,
		Window:      10 * time.Second,
		CloseAfter:  5 * time.Minute,
		Lateness:    5 * time.Second,
	}
}

func (f *factory) createLogs(
	_ context.Context, set processor.Settings, cfg component.Config, next consumer.Logs,
) (processor.Logs, error) {
	shared, err := f.join(set, cfg.(*Config))
	if err != nil {
		return nil, err
	}
	shared.outbox.offer(next)
	return &logsShell{shell: newShell(shared), merges: cfg.(*Config).MergeFindings, next: next}, nil
}

func (f *factory) createTraces(
	_ context.Context, set processor.Settings, cfg component.Config, next consumer.Traces,
) (processor.Traces, error) {
	shared, err := f.join(set, cfg.(*Config))
	if err != nil {
		return nil, err
	}
	return &tracesShell{shell: newShell(shared), next: next}, nil
}

func (f *factory) createMetrics(
	_ context.Context, set processor.Settings, cfg component.Config, next consumer.Metrics,
) (processor.Metrics, error) {
	shared, err := f.join(set, cfg.(*Config))
	if err != nil {
		return nil, err
	}
	return &metricsShell{shell: newShell(shared), next: next}, nil
}

func (f *factory) createProfiles(
	_ context.Context, set processor.Settings, cfg component.Config, next xconsumer.Profiles,
) (xprocessor.Profiles, error) {
	shared, err := f.join(set, cfg.(*Config))
	if err != nil {
		return nil, err
	}
	return &profilesShell{shell: newShell(shared), next: next}, nil
}
