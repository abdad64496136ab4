//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package ebpfreceiver

import (
	"context"
	"encoding/binary"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/receiver/receivertest"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/emit"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/identity"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/kernel"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/metadata"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/probe"
)

// faultyProbe panics in all that it is asked.
type faultyProbe struct{ forgotten *int }

func (faultyProbe) Name() string                             { return "faulty" }
func (faultyProbe) Number() kernel.Number                    { return kernel.NumberTest }
func (faultyProbe) Attach(*kernel.Kernel) []kernel.Gap       { panic("attach") }
func (faultyProbe) Decode(uint32, []byte, *emit.Batch) error { panic("decode") }
func (faultyProbe) Collect(*emit.Batch) error                { panic("collect") }
func (faultyProbe) Settle(*emit.Batch, bool)                 { panic("settle") }
func (p faultyProbe) Forget()                                { *p.forgotten++; panic("forget") }

func TestAPanicOfADecoderLosesItsRecordOnly(t *testing.T) {
	core, logged := observer.New(zap.ErrorLevel)
	forgotten, heard := 0, 0
	p := faultyProbe{forgotten: &forgotten}
	w := &watch{
		logger: zap.New(core), probes: []probe.Probe{p}, batch: emit.NewBatch(emit.Origin{}, identity.NewTable("/proc")),
		onPanic: func(error) { heard++ },
	}
	w.byKind[kernel.NumberTest] = p
	record := binary.NativeEndian.AppendUint32(nil, uint32(kernel.NumberTest)<<8|1)
	record = append(record, make([]byte, 60)...)
	for range 3 {
		w.decode(record)
	}
	assert.EqualValues(t, 3, w.received[kernel.NumberTest].Load())
	assert.EqualValues(t, 3, w.undecoded[kernel.NumberTest].Load(), "counted as lost in decode")
	assert.Equal(t, 3, forgotten, "what the probe knew of earlier records is dropped")
	assert.Equal(t, 3, heard)
	assert.EqualValues(t, 6, w.panics.Total(), "those of Forget among them")
	w.settle(true)
	assert.Equal(t, 2, logged.Len(), "one stack of each place")
	gaps := w.attach(p)
	require.Len(t, gaps, 1)
	assert.ErrorContains(t, gaps[0].Err, "attach")
}

// panickingPipeline is one whose exporter panics.
type panickingPipeline struct{ consumer.Logs }

func (panickingPipeline) ConsumeLogs(context.Context, plog.Logs) error { panic("exporter") }

func TestAPanicOfAPipelineIsARefusal(t *testing.T) {
	s, got := sinkWith(t, func(*Config) {})
	s.logs = panickingPipeline{got.logs}
	require.ErrorContains(t, s.consumeLogs(t.Context(), named("a", "b")), "exporter")
	assert.EqualValues(t, 2, s.logGate.refused.Load())
}

func TestAPanicIsAStatusThatEnds(t *testing.T) {
	host := &statusHost{}
	r, err := newReceiver(receivertest.NewNopSettings(metadata.Type), createDefaultConfig().(*Config))
	require.NoError(t, err)
	r.hosts = []component.Host{host}
	r.reportPanic(errors.New("panic: a"))
	r.reportPanic(errors.New("panic: b"))
	r.reportLoss(loss{})
	require.Len(t, host.events, 2)
	assert.Equal(t, componentstatus.StatusRecoverableError, host.events[0].Status())
	assert.Equal(t, componentstatus.StatusOK, host.events[1].Status())
	r.telemetry.Shutdown()
}

// The goroutine that reads the ring buffer goes on.
func TestReadingGoesOnAfterPanics(t *testing.T) {
	forgotten := 0
	w := watching(t, createDefaultConfig().(*Config), probe.NewForTests())
	w.probes = append(w.probes, faultyProbe{forgotten: &forgotten})
	w.start()
	provoke(100)
	require.NoError(t, w.shutdown(context.Background()))
	assert.Positive(t, w.received[kernel.NumberTest].Load())
	assert.Positive(t, w.panics.Total())
}

func TestShutdownIsSafeInEveryOrder(t *testing.T) {
	r, err := newReceiver(receivertest.NewNopSettings(metadata.Type), createDefaultConfig().(*Config))
	require.NoError(t, err)
	require.NoError(t, r.Shutdown(t.Context()))
	require.NoError(t, r.Shutdown(t.Context()))
}
