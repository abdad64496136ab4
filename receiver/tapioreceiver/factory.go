// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package tapioreceiver

import (
	"context"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/xconsumer"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/xreceiver"

	"github.com/tapio/tapio/receiver/tapioreceiver/internal/metadata"
)

// NewFactory returns the factory of the tapio receiver.
func NewFactory() receiver.Factory {
	return xreceiver.NewFactory(metadata.Type, createDefaultConfig,
		xreceiver.WithLogs(createLogs, metadata.LogsStability),
		xreceiver.WithMetrics(createMetrics, metadata.MetricsStability),
		xreceiver.WithProfiles(createProfiles, component.StabilityLevelAlpha))
}

func createDefaultConfig() component.Config {
	return &Config{
		Extension: component.NewID(metadata.Type),
		Scrape:    ScrapeConfig{Interval: time.Minute, CPUDuration: 10 * time.Second},
	}
}

func createLogs(_ context.Context, set receiver.Settings, cfg component.Config, next consumer.Logs) (receiver.Logs, error) {
	return newReceiver(set, cfg.(*Config), next)
}

func createMetrics(_ context.Context, set receiver.Settings, cfg component.Config, next consumer.Metrics) (receiver.Metrics, error) {
	return newMetricsReceiver(set, cfg.(*Config), next)
}

func createProfiles(_ context.Context, set receiver.Settings, cfg component.Config, next xconsumer.Profiles) (xreceiver.Profiles, error) {
	return newProfilesReceiver(set, cfg.(*Config), next)
}
