// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package query_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/query"
)

// One client sends 100 requests of a second at once. Another one that comes then waits
// for at most one turn, and gets half of all turns from then on.
func TestAGreedyClientDoesNotStarveOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := query.NewTurns(4, query.ShareOf(4), 0)
		begin := time.Now()
		ended := map[string][]time.Duration{}
		lock := make(chan struct{}, 1)
		serial := func(client string) func() {
			return func() {
				ctx := query.WithClient(t.Context(), client)
				if turns.Enter(ctx) != nil {
					return
				}
				time.Sleep(time.Second)
				lock <- struct{}{}
				ended[client] = append(ended[client], time.Since(begin))
				<-lock
				turns.Leave(ctx)
			}
		}
		for range 100 {
			go serial("greedy")()
		}
		synctest.Wait()
		require.Equal(t, 1, turns.Idle(), "a client holds three of four turns")
		for range 10 {
			go serial("modest")()
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		require.Len(t, ended["greedy"], 100)
		require.Len(t, ended["modest"], 10)
		require.Equal(t, time.Second, ended["modest"][0], "the turn that was left free")
		require.LessOrEqual(t, ended["modest"][9], 6*time.Second, "two of four turns from then on")
		require.Equal(t, uint64(97+9), turns.Waited())
		require.Zero(t, turns.Refused())
	})
}

// Clients take turns one after the other, however many requests each of them has.
func TestTurnsGoRound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := query.NewTurns(1, 0, 0)
		var served []string
		held := query.WithClient(t.Context(), "first")
		require.NoError(t, turns.Enter(held))
		for _, client := range []string{"a", "a", "a", "b", "c", "c"} {
			go func() {
				ctx := query.WithClient(t.Context(), client)
				if turns.Enter(ctx) == nil {
					served = append(served, client)
					turns.Leave(ctx)
				}
			}()
			synctest.Wait()
		}
		turns.Leave(held)
		synctest.Wait()
		require.Equal(t, []string{"a", "b", "c", "a", "c", "a"}, served)
	})
}

// Who gives up leaves no trace, and a full queue refuses at once.
func TestTurnsThatAreGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := query.NewTurns(1, 0, 1)
		ctx := query.WithClient(t.Context(), "a")
		require.NoError(t, turns.Enter(ctx))
		short, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		result := make(chan error, 1)
		go func() { result <- turns.Enter(short) }()
		synctest.Wait()
		require.ErrorIs(t, turns.Enter(ctx), query.ErrQueueFull)
		require.ErrorIs(t, <-result, context.DeadlineExceeded)
		require.Equal(t, uint64(2), turns.Refused())
		turns.Leave(ctx)
		require.Equal(t, 1, turns.Idle())
		require.NoError(t, turns.Enter(ctx))
	})
}
