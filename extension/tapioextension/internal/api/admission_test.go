// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/tapio/tapio/internal/model"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

func requireBusy(t *testing.T, err error, reason string) {
	t.Helper()
	var busy *busyError
	require.ErrorAs(t, err, &busy)
	assert.Equal(t, reason, busy.reason)
	assert.Positive(t, busy.after)
	assert.Equal(t, codes.ResourceExhausted, status.Code(err))
	assert.Len(t, status.Convert(err).Details(), 1, "it says when to try again")
}

func TestRoomIsWaitedForAndThenRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAdmission(Limits{InFlightBytes: 100}, time.Now)
		leave, err := a.enter(t.Context(), caller{}, 80)
		require.NoError(t, err)
		assert.InDelta(t, 0.8, a.load(), 1e-9)
		began := time.Now()
		_, err = a.enter(t.Context(), caller{}, 30)
		requireBusy(t, err, "overload")
		assert.Equal(t, waitForRoom, time.Since(began), "it slowed the sender down")

		entered := make(chan error)
		go func() {
			leave, err := a.enter(t.Context(), caller{}, 30)
			if err == nil {
				leave()
			}
			entered <- err
		}()
		synctest.Wait()
		leave()
		require.NoError(t, <-entered, "room was made")
		assert.Zero(t, a.load())

		leave, err = a.enter(t.Context(), caller{}, 1000)
		require.NoError(t, err, "one larger than all the room goes alone")
		ended, cancel := context.WithCancelCause(t.Context())
		cancel(errShuttingDown)
		_, err = a.enter(ended, caller{}, 1)
		require.ErrorIs(t, err, errShuttingDown)
		leave()
		assert.Zero(t, a.load())
	})
}

func TestMoreWaitingThanRoomIsRefusedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAdmission(Limits{InFlightBytes: 100}, time.Now)
		leave, err := a.enter(t.Context(), caller{}, 100)
		require.NoError(t, err)
		go func() { _, _ = a.enter(t.Context(), caller{}, 90) }() // waits in vain
		synctest.Wait()
		began := time.Now()
		_, err = a.enter(t.Context(), caller{}, 20)
		requireBusy(t, err, "overload")
		assert.Zero(t, time.Since(began))
		time.Sleep(waitForRoom)
		leave()
	})
}

func TestEachClientHasItsRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAdmission(Limits{InFlightBytes: 1 << 20, BytesPerSecond: 1000, CallsPerSecond: 2}, time.Now)
		write := func(host string, bytes int) error {
			leave, err := a.enter(t.Context(), caller{host: host}, bytes)
			if err == nil {
				leave()
			}
			return err
		}
		require.NoError(t, write("a", 900))
		requireBusy(t, write("a", 900), "rate_limited")
		require.NoError(t, write("b", 900), "another is not held up")
		time.Sleep(time.Second)
		require.NoError(t, write("a", 900))

		require.NoError(t, a.call(caller{host: "a"}))
		require.NoError(t, a.call(caller{host: "a"}))
		requireBusy(t, a.call(caller{host: "a"}), "rate_limited")
		time.Sleep(500 * time.Millisecond)
		require.NoError(t, a.call(caller{host: "a"}))
	})
}

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
		pace, err := newPacer(&tapiov1.Subscription{MaxEventsPerSecond: 10}, "", time.Now)
		require.NoError(t, err)
		began := time.Now()
		require.NoError(t, pace.slowed(t.Context(), send)(numberedRows(30), nil))
		assert.Len(t, got, 30)
		assert.Equal(t, 2*time.Second, time.Since(began).Round(time.Millisecond), "the first second's worth goes at once")
		pace.setRate(0)
		require.NoError(t, pace.slowed(t.Context(), send)(numberedRows(1000), nil))
		assert.Len(t, got, 1030, "no bound any more")
		assert.Zero(t, lost)

		got = nil
		pace, err = newPacer(&tapiov1.Subscription{MaxEventsPerSecond: 10, Delivery: tapiov1.DeliveryMode_DELIVERY_MODE_BEST_EFFORT}, "", time.Now)
		require.NoError(t, err)
		require.NoError(t, pace.slowed(t.Context(), send)(numberedRows(30), nil))
		assert.Len(t, got, 10)
		assert.EqualValues(t, 20, lost)
	})
	for _, bad := range []*tapiov1.Subscription{{MaxEventsPerSecond: -1}, {Delivery: 99}} {
		_, err := newPacer(bad, "subscription.", time.Now)
		require.ErrorContains(t, err, "subscription.")
	}
}

// A rate is what a client asks for: any positive number.
func TestRatesBeyondWhatAnIntHolds(t *testing.T) {
	for _, perSecond := range []float64{1e-9, 1, 1e9, 1e19, 1e300, math.MaxFloat64} {
		limiter := newLimiter(perSecond)
		assert.Positive(t, limiter.Burst(), perSecond)
		assert.NoError(t, limiter.WaitN(t.Context(), 1), perSecond)
		p := &pacer{now: time.Now}
		p.setRate(perSecond)
		sent := 0
		send := func(events []model.Event, _ *tapiov1.Loss) error {
			sent += len(events)
			return nil
		}
		assert.NoError(t, p.leaveOut(p.rate(), make([]model.Event, 1), nil, send))
		assert.Equal(t, 1, sent, perSecond)
	}
}
