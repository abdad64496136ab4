// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package ingest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/extension/tapioextension/internal/admission"
	"github.com/tapio/tapio/extension/tapioextension/internal/auth"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// flowServer has a room of a megabyte, and took batches of 1,000 records of 100
// bytes lately, each in 20 ms.
func flowServer(now *time.Time) *Events {
	limits := admission.Limits{InFlightBytes: 1 << 20}
	clock := func() time.Time { return *now }
	s := NewEvents(Options{Limits: limits, Now: clock, Admission: admission.NewWrites(limits, clock)})
	for range 30 * 100 {
		*now = now.Add(10 * time.Millisecond)
		s.pulse.add(*now, 1000, 100_000, 20*time.Millisecond)
	}
	return s
}

func TestFlowControlFollowsTheLoad(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	s := flowServer(&now)
	from := func(host string) *tapiov1.FlowControl {
		return s.FlowControl(auth.WithCaller(t.Context(), auth.Caller{Host: host}))
	}
	idle := from("10.0.0.1")
	assert.Zero(t, idle.GetMaxRecordsPerSecond())
	assert.EqualValues(t, 100_000, idle.GetMaxBatchRecords())
	assert.Equal(t, tapiov1.Compression_COMPRESSION_ZSTD, idle.GetCompression(), "there is time to unpack")
	assert.Equal(t, tapiov1.Compression_COMPRESSION_UNSPECIFIED, from("127.0.0.1").GetCompression())

	half := func() func() {
		leave, err := s.Admission.Enter(t.Context(), "", 1<<19)
		require.NoError(t, err)
		return leave
	}
	first := half()
	busy := from("10.0.0.1")
	assert.InDelta(t, 46_000, busy.GetMaxRecordsPerSecond(), 4_500, "what a writer gets through now")
	assert.InDelta(t, 20*time.Millisecond, busy.GetSendInterval().AsDuration(), float64(4*time.Millisecond), "what a batch takes now")
	assert.Equal(t, tapiov1.Compression_COMPRESSION_UNSPECIFIED, busy.GetCompression())
	assert.InDelta(t, 2500, busy.GetMaxBatchRecords(), 500, "half of the room, both ways")
	assert.Nil(t, busy.GetPause())

	second := half()
	full := from("10.0.0.1")
	assert.Less(t, full.GetMaxRecordsPerSecond(), busy.GetMaxRecordsPerSecond(), "less than that, so that it catches up")
	assert.Less(t, full.GetMaxBatchRecords(), busy.GetMaxBatchRecords())
	assert.InDelta(t, 200*time.Millisecond, full.GetPause().AsDuration(), float64(40*time.Millisecond))
	first()
	second()
	assert.Empty(t, from("10.0.0.1").GetReason())
}

// What was minutes ago has no say.
func TestPulseFades(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	s := flowServer(&now)
	assert.InDelta(t, 50_000, s.pulse.now(now).perWriter, 1)
	now = now.Add(2 * time.Minute)
	s.pulse.add(now, 10, 1000, 10*time.Millisecond)
	assert.InDelta(t, 1000, s.pulse.now(now).perWriter, 10)
	now = now.Add(10 * time.Minute)
	assert.Zero(t, s.pulse.now(now))
}
