//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package ebpfreceiver

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/receiver/receivertest"

	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/metadata"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/probe"
)

// statusHost keeps what is reported to it.
type statusHost struct{ events []*componentstatus.Event }

func (*statusHost) GetExtensions() map[component.ID]component.Component { return nil }

func (h *statusHost) Report(event *componentstatus.Event) { h.events = append(h.events, event) }

func TestALossIsAStatusThatEndsByItself(t *testing.T) {
	host := &statusHost{}
	r, err := newReceiver(receivertest.NewNopSettings(metadata.Type), createDefaultConfig().(*Config))
	require.NoError(t, err)
	r.hosts = []component.Host{host}
	for _, lost := range []loss{{}, {records: 5}, {full: map[string]uint64{"tcp peers_map_full": 7}}, {}, {}} {
		r.reportLoss(lost)
	}
	require.Len(t, host.events, 2, "one for the first loss, one for its end")
	assert.Equal(t, componentstatus.StatusRecoverableError, host.events[0].Status())
	assert.ErrorContains(t, host.events[0].Err(), "raise ring_buffer_size")
	assert.Equal(t, componentstatus.StatusOK, host.events[1].Status())
	r.report(componentstatus.NewPermanentErrorEvent(errors.New("a feature is off")))
	r.reportLoss(loss{records: 5})
	assert.Len(t, host.events, 3, "a receiver that lacks features keeps saying so")
	full := loss{full: map[string]uint64{"tcp peers_map_full": 7}}
	assert.ErrorContains(t, full.err(), "tcp peers_map_full: 7 were not counted")
	r.telemetry.Shutdown()
	require.NoError(t, r.Shutdown(context.Background()), "safe without Start")
}

func TestTheWatchReportsItsLosses(t *testing.T) {
	config := createDefaultConfig().(*Config)
	config.RingBufferSize = minRing
	w := watching(t, config, probe.NewForTests())
	var told []uint64
	w.onLoss = func(lost loss) { told = append(told, lost.records) }
	provoke(10000)
	w.reportLoss()
	w.reportLoss()
	require.Len(t, told, 2)
	assert.Positive(t, told[0])
	assert.Zero(t, told[1], "a loss is reported once")
	require.NoError(t, w.close())
}
