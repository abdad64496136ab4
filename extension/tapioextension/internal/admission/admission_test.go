// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

var errStopping = errors.New("stopping")

func requireBusy(t *testing.T, err error, reason string) {
	t.Helper()
	var busy *Error
	require.ErrorAs(t, err, &busy)
	assert.Equal(t, reason, busy.Reason)
	assert.Positive(t, busy.After)
	assert.Equal(t, codes.ResourceExhausted, status.Code(err))
	assert.Len(t, status.Convert(err).Details(), 1, "it says when to try again")
}

func TestRoomIsWaitedForAndThenRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := NewWrites(Limits{InFlightBytes: 100}, time.Now)
		leave, err := a.Enter(t.Context(), "", 80)
		require.NoError(t, err)
		assert.InDelta(t, 0.8, a.Load(), 1e-9)
		began := time.Now()
		_, err = a.Enter(t.Context(), "", 30)
		requireBusy(t, err, "overload")
		assert.Equal(t, waitForRoom, time.Since(began), "it slowed the sender down")

		entered := make(chan error)
		go func() {
			leave, err := a.Enter(t.Context(), "", 30)
			if err == nil {
				leave()
			}
			entered <- err
		}()
		synctest.Wait()
		leave()
		require.NoError(t, <-entered, "room was made")
		assert.Zero(t, a.Load())

		leave, err = a.Enter(t.Context(), "", 1000)
		require.NoError(t, err, "one larger than all the room goes alone")
		ended, cancel := context.WithCancelCause(t.Context())
		cancel(errStopping)
		_, err = a.Enter(ended, "", 1)
		require.ErrorIs(t, err, errStopping)
		leave()
		assert.Zero(t, a.Load())
	})
}

func TestMoreWaitingThanRoomIsRefusedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := NewWrites(Limits{InFlightBytes: 100}, time.Now)
		leave, err := a.Enter(t.Context(), "", 100)
		require.NoError(t, err)
		go func() { _, _ = a.Enter(t.Context(), "", 90) }() // waits in vain
		synctest.Wait()
		began := time.Now()
		_, err = a.Enter(t.Context(), "", 20)
		requireBusy(t, err, "overload")
		assert.Zero(t, time.Since(began))
		time.Sleep(waitForRoom)
		leave()
	})
}

func TestEachClientHasItsRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := NewWrites(Limits{InFlightBytes: 1 << 20, BytesPerSecond: 1000, CallsPerSecond: 2}, time.Now)
		write := func(host string, bytes int) error {
			leave, err := a.Enter(t.Context(), host, bytes)
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

		require.NoError(t, a.Call("a"))
		require.NoError(t, a.Call("a"))
		requireBusy(t, a.Call("a"), "rate_limited")
		time.Sleep(500 * time.Millisecond)
		require.NoError(t, a.Call("a"))
	})
}
