//go:build linux && !amd64 && !arm64

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package otelprofiler

import (
	"errors"

	"go.opentelemetry.io/collector/receiver"
)

// Start reports that there is no such profiler for this processor.
func Start(receiver.Settings, int) *Profiler {
	p := &Profiler{
		stop: func() {}, decided: make(chan struct{}), ended: make(chan struct{}), over: make(chan struct{}),
		err: errors.New("OpenTelemetry's eBPF profiler runs on amd64 and arm64 only"),
	}
	close(p.decided)
	close(p.over)
	return p
}
