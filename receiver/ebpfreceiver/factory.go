// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package ebpfreceiver

import (
	"context"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/xconsumer"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/xreceiver"

	"github.com/tapio/tapio/internal/ingestcontrol"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/metadata"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/probe"
)

// NewFactory returns the factory of the eBPF receiver.
func NewFactory() receiver.Factory {
	shared := &sharedReceivers{byID: map[component.ID]*ebpfReceiver{}}
	return xreceiver.NewFactory(metadata.Type, createDefaultConfig,
		xreceiver.WithLogs(shared.createLogs, metadata.LogsStability),
		xreceiver.WithMetrics(shared.createMetrics, metadata.MetricsStability),
		xreceiver.WithTraces(shared.createTraces, metadata.TracesStability),
		xreceiver.WithProfiles(shared.createProfiles, component.StabilityLevelAlpha))
}

func createDefaultConfig() component.Config {
	return &Config{
		ErrorMode:          ErrorModeIgnore,
		RingBufferSize:     8 << 20,
		CollectionInterval: 10 * time.Second,
		Logs:               ingestcontrol.DefaultConfig(),
		Metrics:            ingestcontrol.DefaultConfig(),
		Traces:             ingestcontrol.DefaultConfig(),
		Profiles:           ingestcontrol.DefaultConfig(),
		Probes:             probe.DefaultConfig(),
	}
}

// sharedReceivers gives the pipelines of all signals the one receiver of an id:
// the programs are in the kernel once, no matter who wants what they see.
type sharedReceivers struct {
	mu   sync.Mutex
	byID map[component.ID]*ebpfReceiver
}

func (s *sharedReceivers) createLogs(_ context.Context, set receiver.Settings, cfg component.Config, next consumer.Logs) (receiver.Logs, error) {
	r, err := s.receiver(set, cfg)
	if err == nil {
		r.sink.logs = next
	}
	return r, err
}

func (s *sharedReceivers) createMetrics(_ context.Context, set receiver.Settings, cfg component.Config, next consumer.Metrics) (receiver.Metrics, error) {
	r, err := s.receiver(set, cfg)
	if err == nil {
		r.sink.metrics = next
	}
	return r, err
}

func (s *sharedReceivers) createTraces(_ context.Context, set receiver.Settings, cfg component.Config, next consumer.Traces) (receiver.Traces, error) {
	r, err := s.receiver(set, cfg)
	if err == nil {
		r.sink.traces = next
	}
	return r, err
}

func (s *sharedReceivers) createProfiles(
	_ context.Context, set receiver.Settings, cfg component.Config, next xconsumer.Profiles,
) (xreceiver.Profiles, error) {
	r, err := s.receiver(set, cfg)
	if err == nil {
		r.sink.profiles = next
	}
	return r, err
}

func (s *sharedReceivers) receiver(set receiver.Settings, cfg component.Config) (*ebpfReceiver, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r, ok := s.byID[set.ID]; ok {
		return r, nil
	}
	r, err := newReceiver(set, cfg.(*Config))
	if err != nil {
		return nil, err
	}
	s.byID[set.ID] = r
	r.forget = func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.byID, set.ID)
	}
	return r, nil
}
