// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package ebpfreceiver

import (
	"testing"

	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/profile"
)

// What rules are about is found in programs whose stacks only OpenTelemetry's profiler unwinds.
func TestRulesFindWhatInterpretersDo(t *testing.T) {
	if !permitted(t) {
		return
	}
	config, set := otelProfiled(profile.CPUProfilerAuto, 97)
	sink, _ := started(t, config, set.Settings)
	set.waits(t)
	of := ruled{"python-gil", "cpu", []string{"python3", "testdata/profile/lock.py"}}
	t.Run(of.rule, func(t *testing.T) { of.isFound(t, sink) })
}
