// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package ebpfreceiver

import (
	"context"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/receiver"

	"github.com/tapio/tapio/internal/losslog"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/metadata"
)

// ebpfReceiver is the one receiver behind the pipelines of all signals. Each of
// them starts and stops it; the first call counts.
type ebpfReceiver struct {
	set       receiver.Settings
	config    *Config
	sink      *sink
	telemetry *metadata.TelemetryBuilder
	forget    func()
	losses    *losslog.Log

	mu      sync.Mutex
	started bool
	startup error
	hosts   []component.Host
	status  *componentstatus.Event
	stop    func(context.Context) error
}

func newReceiver(set receiver.Settings, config *Config) (*ebpfReceiver, error) {
	telemetry, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	r := &ebpfReceiver{set: set, config: config, telemetry: telemetry, forget: func() {}}
	r.losses = losslog.New(set.Logger, "records of the kernel were lost", "records", time.Now)
	r.sink, err = newSink(set, config)
	return r, err
}

// Start loads the programs into the kernel. What is missing is reported to the host of
// every pipeline.
func (r *ebpfReceiver) Start(_ context.Context, host component.Host) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.hosts = append(r.hosts, host)
	if r.started {
		if r.status != nil {
			componentstatus.ReportStatus(host, r.status)
		}
		return r.startup
	}
	r.started = true
	r.stop, r.startup = r.run() //nolint:contextcheck // records are passed on after the context of the start has ended
	return r.startup
}

// Shutdown removes the programs and passes on what they have sent. It is safe
// without Start, and done by the first pipeline to call it.
func (r *ebpfReceiver) Shutdown(ctx context.Context) error {
	r.mu.Lock()
	stop := r.stop
	r.stop = nil
	r.mu.Unlock()
	r.forget()
	if stop == nil {
		return nil
	}
	return stop(ctx)
}

// report sets the status for the hosts of all pipelines. The caller holds mu.
func (r *ebpfReceiver) report(event *componentstatus.Event) {
	r.status = event
	for _, host := range r.hosts {
		componentstatus.ReportStatus(host, event)
	}
}
