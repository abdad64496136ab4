//go:build linux && !amd64 && !arm64

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package otelprofiler

import (
	"errors"

	"go.uber.org/zap"
)

// Start reports that there is no such profiler for this processor.
func Start(*zap.Logger, int, int64) *Profiler {
	p := &Profiler{stop: func() {}, ended: make(chan struct{}), err: errors.New("OpenTelemetry's eBPF profiler runs on amd64 and arm64 only")}
	close(p.ended)
	return p
}

// Main reports that this process is not the profiler's.
func Main([]string) (isProfiler bool, err error) { return false, nil }
