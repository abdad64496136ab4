//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package ebpfreceiver

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/receiver/receivertest"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/kernel"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/metadata"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/probe"
)

func TestTheLogHasTheStartTheFirstLossAndItsEnd(t *testing.T) {
	core, logged := observer.New(zap.InfoLevel)
	set := receivertest.NewNopSettings(metadata.Type)
	set.Logger = zap.New(core)
	r, err := newReceiver(set, createDefaultConfig().(*Config))
	require.NoError(t, err)
	r.hosts = []component.Host{&statusHost{}}
	r.logStart(make([]kernel.Gap, 2), &watch{probes: []probe.Probe{probe.NewForTests()}})
	for _, lost := range []loss{{}, {records: 5}, {full: map[string]uint64{"tcp peers_map_full": 7}}, {}, {}} {
		r.reportLoss(lost)
	}
	r.telemetry.Shutdown()

	entries := logged.All()
	require.Len(t, entries, 3, "the start, the first loss, its end")
	assert.Equal(t, "ebpf receiver started", entries[0].Message)
	fields := entries[0].ContextMap()
	assert.EqualValues(t, 2, fields["unavailable_features"])
	assert.Equal(t, []any{probe.NewForTests().Name()}, fields["probes"])
	assert.Equal(t, r.config.CollectionInterval, fields["collection_interval"])
	assert.Equal(t, "records of the kernel were lost", entries[1].Message)
	assert.EqualValues(t, 5, entries[1].ContextMap()["records"])
	assert.Equal(t, "no more records of the kernel are lost", entries[2].Message)
}
