// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package dedup

import (
	"context"
	"strconv"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func key(w *Window, id string) Key { return w.KeyOf([]byte("sender"), []byte(id)) }

func store(t *testing.T, w *Window, id string) {
	t.Helper()
	_, settle, err := w.Enter(t.Context(), key(w, id))
	require.NoError(t, err)
	require.NotNil(t, settle, "%s was not stored before", id)
	settle(&Outcome{Accepted: 3})
}

func TestStoredOnce(t *testing.T) {
	w := New(1 << 20)
	store(t, w, "a")
	known, settle, err := w.Enter(t.Context(), key(w, "a"))
	require.NoError(t, err)
	assert.Nil(t, settle)
	assert.Equal(t, Outcome{Accepted: 3}, known)
	store(t, w, "b")
	assert.NotEqual(t, w.KeyOf([]byte("ab"), []byte("c")), w.KeyOf([]byte("a"), []byte("bc")), "parts are kept apart")
}

func TestFailedMayTryAgain(t *testing.T) {
	w := New(1 << 20)
	_, settle, err := w.Enter(t.Context(), key(w, "a"))
	require.NoError(t, err)
	settle(nil)
	store(t, w, "a")
}

func TestTheSecondWaitsForTheFirst(t *testing.T) {
	for name, outcome := range map[string]*Outcome{"stored": {Accepted: 1}, "failed": nil} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := New(1 << 20)
				_, settle, err := w.Enter(t.Context(), key(w, "a"))
				require.NoError(t, err)
				again := make(chan bool)
				go func() {
					_, settle, err := w.Enter(t.Context(), key(w, "a"))
					assert.NoError(t, err)
					again <- settle == nil
				}()
				synctest.Wait()
				settle(outcome)
				assert.Equal(t, outcome != nil, <-again)
			})
		})
	}
}

func TestWaitingEndsWithItsContext(t *testing.T) {
	w := New(1 << 20)
	_, _, err := w.Enter(t.Context(), key(w, "a"))
	require.NoError(t, err)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, _, err = w.Enter(ended, key(w, "a"))
	require.ErrorIs(t, err, context.Canceled)
}

func TestTheOldestIsForgotten(t *testing.T) {
	w := New(10 * entryBytes)
	for i := range 25 {
		store(t, w, strconv.Itoa(i))
	}
	assert.Len(t, w.batches, 10)
	for i := 15; i < 25; i++ {
		_, settle, err := w.Enter(t.Context(), key(w, strconv.Itoa(i)))
		require.NoError(t, err)
		assert.Nil(t, settle, "%d is remembered", i)
	}
	w.Resize(4 * entryBytes)
	assert.Len(t, w.batches, 4)
	w.Resize(6 * entryBytes)
	for i := 25; i < 40; i++ {
		store(t, w, strconv.Itoa(i))
	}
	assert.Len(t, w.batches, 6)
	assert.Len(t, w.stored, 6)
}
