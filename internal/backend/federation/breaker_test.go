// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package federation_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/backend/federation"
	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/query"
)

// stoppable is a member that answers or is stuck.
type stoppable struct {
	query.Reader
	stopped atomic.Bool
	calls   atomic.Int64
}

func (s *stoppable) QueryEvents(ctx context.Context, q model.EventQuery) (model.Page[model.Event], error) {
	s.calls.Add(1)
	if s.stopped.Load() {
		<-ctx.Done()
		return model.Page[model.Event]{}, ctx.Err()
	}
	return s.Reader.QueryEvents(ctx, q)
}

// twoMembers is a federation of two, of which one can be stopped.
func twoMembers(t *testing.T) (*federation.Reader, *stoppable) {
	how := options(t)
	how.Timeout = 5 * time.Second
	reader := federation.New(how)
	one := &stoppable{Reader: ofMember(t, "one", 0, 3).Reader()}
	require.Empty(t, reader.SetMembers([]federation.Member{{Name: "one", Reader: one}, {Name: "two", Reader: ofMember(t, "two", 1, 3).Reader()}}))
	return reader, one
}

// asked is what a query for all records found, how long it took and what it noted.
func asked(ctx context.Context, t *testing.T, reader *federation.Reader) (rows int, took time.Duration, note string) {
	t.Helper()
	begin := time.Now()
	ctx, notes := query.WithNotes(ctx)
	page, err := reader.QueryEvents(ctx, model.EventQuery{Paging: model.Paging{Limit: 100}})
	require.NoError(t, err)
	if list := notes.List(); len(list) > 0 {
		require.Len(t, list, 1)
		require.Equal(t, "one", list[0].Source)
		require.Equal(t, query.SourceLate, list[0].State)
		note = list[0].Message
	}
	return len(page.Rows), time.Since(begin), note
}

func TestAStuckMemberCostsAFewQueriesOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reader, one := twoMembers(t)
		requireAnswer := func(wantRows int, wantTook time.Duration, wantNote string) {
			t.Helper()
			rows, took, note := asked(t.Context(), t, reader)
			assert.Equal(t, []any{wantRows, wantTook, wantNote}, []any{rows, took, note})
		}
		requireAnswer(6, 0, "")
		one.stopped.Store(true)
		for range 3 {
			requireAnswer(3, 5*time.Second, "did not answer in time")
		}
		requireAnswer(3, 0, "did not answer in time 3 times in a row: it is tried again in 10s")
		time.Sleep(10 * time.Second)
		go asked(t.Context(), t, reader)
		synctest.Wait() // that one tries the member
		requireAnswer(3, 0, "did not answer in time 3 times in a row: it is tried again in 1s")
		time.Sleep(5 * time.Second)
		synctest.Wait() // that one has given up, at this very moment
		requireAnswer(3, 0, "did not answer in time 3 times in a row: it is tried again in 20s")
		one.stopped.Store(false)
		requireAnswer(3, 0, "did not answer in time 3 times in a row: it is tried again in 20s")
		time.Sleep(20 * time.Second)
		requireAnswer(6, 0, "")
		requireAnswer(6, 0, "")
	})
}

// Callers that give up early, or go away, do not shut a member out.
func TestImpatientCallersDoNotShutAMemberOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reader, one := twoMembers(t)
		one.stopped.Store(true)
		for range 10 {
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			rows, _, note := asked(ctx, t, reader)
			assert.Equal(t, 3, rows)
			assert.Equal(t, "did not answer in time", note)
			cancel()
		}
		for range 10 {
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(3*time.Second, cancel)
			_, err := reader.QueryEvents(ctx, model.EventQuery{Paging: model.Paging{Limit: 100}})
			require.ErrorIs(t, err, context.Canceled)
		}
		one.stopped.Store(false)
		rows, _, note := asked(t.Context(), t, reader)
		assert.Equal(t, 6, rows)
		assert.Empty(t, note)
		assert.EqualValues(t, 21, one.calls.Load())
	})
}

// A stream does not wait for a member that is left out.
func TestAStreamDoesNotWaitForAMemberThatIsLeftOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		how := options(t)
		how.Timeout = 5 * time.Second
		reader := federation.New(how)
		require.Empty(t, reader.SetMembers([]federation.Member{
			{Name: "slow", Reader: stuck{}}, {Name: "one", Reader: ofMember(t, "one", 0, 20).Reader()},
		}))
		read := func() (rows int, took time.Duration) {
			begin := time.Now()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			tail := reader.TailEvents(ctx, model.EventQuery{}, model.Start{Last: 10})
			for {
				got, _, more := tail.Poll(100)
				if rows += len(got); !more {
					return rows, time.Since(begin)
				}
				require.NoError(t, tail.Ready(ctx))
			}
		}
		for range 3 {
			rows, took := read()
			assert.Equal(t, []any{10, 5 * time.Second}, []any{rows, took})
		}
		rows, took := read()
		assert.Equal(t, []any{10, time.Duration(0)}, []any{rows, took})
	})
}

// A member that is busy with the slow queries of some is not held to be stuck by the others: it
// answers them as soon as it is free.
func TestABusyMemberIsNotShutOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		how := options(t)
		how.Timeout, how.Calls = 5*time.Second, 1
		reader := federation.New(how)
		one := &stoppable{Reader: ofMember(t, "one", 0, 3).Reader()}
		require.Empty(t, reader.SetMembers([]federation.Member{{Name: "one", Reader: one}, {Name: "two", Reader: ofMember(t, "two", 1, 3).Reader()}}))
		one.stopped.Store(true)
		go func() { _, _ = reader.QueryEvents(t.Context(), model.EventQuery{Paging: model.Paging{Limit: 100}}) }()
		synctest.Wait() // that one has the turn, for five seconds
		time.Sleep(time.Second)
		var others sync.WaitGroup
		for range 5 {
			others.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), 2500*time.Millisecond)
				defer cancel()
				rows, took, note := asked(ctx, t, reader)
				assert.Equal(t, []any{3, 2 * time.Second, "was busy with other queries until the time was over"}, []any{rows, took, note})
			})
		}
		others.Wait()
		one.stopped.Store(false)
		time.Sleep(3 * time.Second)
		synctest.Wait()
		rows, took, note := asked(t.Context(), t, reader)
		assert.Equal(t, []any{6, time.Duration(0), ""}, []any{rows, took, note})
	})
}
