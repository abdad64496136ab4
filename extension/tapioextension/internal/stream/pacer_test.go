// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package stream

import (
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/extension/tapioextension/internal/admission"
	"github.com/tapio/tapio/internal/model"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

func numberedRows(n int) []model.Event {
	events := make([]model.Event, n)
	for i := range events {
		events[i].Seq = uint64(i + 1)
	}
	return events
}

func TestPaceWaitsOrLeavesOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got []uint64
		var lost uint64
		send := func(events []model.Event, loss *tapiov1.Loss) error {
			for _, e := range events {
				got = append(got, e.Seq)
			}
			lost += loss.GetCount()
			return nil
		}
		pace, err := NewPacer(&tapiov1.Subscription{MaxEventsPerSecond: 10}, "", time.Now)
		require.NoError(t, err)
		began := time.Now()
		require.NoError(t, pace.Slowed(t.Context(), send)(numberedRows(30), nil))
		assert.Len(t, got, 30)
		assert.Equal(t, 2*time.Second, time.Since(began).Round(time.Millisecond), "the first second's worth goes at once")
		pace.SetRate(0)
		require.NoError(t, pace.Slowed(t.Context(), send)(numberedRows(1000), nil))
		assert.Len(t, got, 1030, "no bound any more")
		assert.Zero(t, lost)

		got = nil
		pace, err = NewPacer(&tapiov1.Subscription{MaxEventsPerSecond: 10, Delivery: tapiov1.DeliveryMode_DELIVERY_MODE_BEST_EFFORT}, "", time.Now)
		require.NoError(t, err)
		require.NoError(t, pace.Slowed(t.Context(), send)(numberedRows(30), nil))
		assert.Len(t, got, 10)
		assert.EqualValues(t, 20, lost)
	})
	for _, bad := range []*tapiov1.Subscription{{MaxEventsPerSecond: -1}, {Delivery: 99}} {
		_, err := NewPacer(bad, "subscription.", time.Now)
		require.ErrorContains(t, err, "subscription.")
	}
}

// A rate is what a client asks for: any positive number.
func TestRatesBeyondWhatAnIntHolds(t *testing.T) {
	for _, perSecond := range []float64{1e-9, 1, 1e9, 1e19, 1e300, math.MaxFloat64} {
		limiter := admission.NewLimiter(perSecond)
		assert.Positive(t, limiter.Burst(), perSecond)
		assert.NoError(t, limiter.WaitN(t.Context(), 1), perSecond)
		p := &Pacer{now: time.Now}
		p.SetRate(perSecond)
		sent := 0
		send := func(events []model.Event, _ *tapiov1.Loss) error {
			sent += len(events)
			return nil
		}
		assert.NoError(t, p.leaveOut(p.rate(), make([]model.Event, 1), nil, send))
		assert.Equal(t, 1, sent, perSecond)
	}
}
