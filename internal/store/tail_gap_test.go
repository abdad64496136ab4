// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/model"
)

// anyTail is a tail of any signal.
type anyTail interface {
	// poll returns the number of rows, what was lost, and whether there is more.
	poll() (rows int, loss model.Loss, more bool)
	// next waits as Next does.
	next(ctx context.Context) (rows int, loss model.Loss, err error)
}

type rowTail[R any] struct{ *Tail[R] }

func (t rowTail[R]) poll() (int, model.Loss, bool) {
	rows, loss, more := t.Poll(512)
	return len(rows), loss, more
}

func (t rowTail[R]) next(ctx context.Context) (int, model.Loss, error) {
	rows, loss, err := t.Next(ctx, 512)
	return len(rows), loss, err
}

type pointRowTail struct{ *PointTail }

func (t pointRowTail) poll() (int, model.Loss, bool) {
	rows, loss, more := t.Poll(512)
	return len(rows), loss, more
}

func (t pointRowTail) next(ctx context.Context) (int, model.Loss, error) {
	rows, loss, err := t.Next(ctx, 512)
	return len(rows), loss, err
}

// tails makes a tail of every signal.
func tails(s *Store, start model.Start) map[string]anyTail {
	return map[string]anyTail{
		"logs":    rowTail[model.Event]{s.TailEvents(model.EventQuery{}, start)},
		"traces":  rowTail[model.Span]{s.TailSpans(model.TraceQuery{}, start)},
		"metrics": pointRowTail{s.TailPoints(model.PointQuery{}, start)},
	}
}

// gapped is a store of 100 rows a signal whose sequences go on at 1001, as after a
// crash.
func gapped(t *testing.T) *Store {
	t.Helper()
	s := New(diskLimits(), time.Now)
	random := rand.New(rand.NewPCG(1, 2))
	s.AppendEvents(richEvents(random, 100))
	s.AppendSpans(richSpans(random, 100))
	s.AppendPoints(richPoints(random, 100))
	for _, l := range []durable{s.events, s.spans, s.points} {
		l.compactAll()
		l.goOn(1000)
	}
	return s
}

// pollAll polls to the end of what was there when the tail was made.
func pollAll(t *testing.T, tail anyTail) (rows int, lost []model.Loss) {
	t.Helper()
	for range 1000 {
		n, loss, more := tail.poll()
		rows += n
		if loss.Count > 0 {
			lost = append(lost, loss)
		}
		if !more {
			return rows, lost
		}
	}
	require.Fail(t, "the tail does not end")
	return rows, lost
}

func TestAHistoryThatEndsInAGapEnds(t *testing.T) {
	for name, start := range map[string]model.Start{
		"since": {Since: 1}, "last": {Last: 100}, "live": {},
	} {
		for signal, tail := range tails(gapped(t), start) {
			t.Run(name+"/"+signal, func(t *testing.T) {
				rows, lost := pollAll(t, tail)
				if name != "live" {
					assert.Greater(t, rows, 90) // some rows have no time, or no trace
				}
				assert.Empty(t, lost, "a new reader misses nothing")
			})
		}
	}
}

func TestAReaderThatResumesBeforeAGapGetsOneLoss(t *testing.T) {
	s := gapped(t)
	for signal, tail := range tails(s, model.Start{Resume: true, After: 90}) {
		t.Run(signal, func(t *testing.T) {
			rows, lost := pollAll(t, tail)
			assert.Equal(t, 10, rows)
			assert.Equal(t, []model.Loss{{Count: 900, First: 101, Last: 1000}}, lost)
		})
	}
}

// A tail that burns a processor would never let synctest.Wait return.
func TestALiveTailWaitsBehindAGap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := gapped(t)
		random := rand.New(rand.NewPCG(3, 4))
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		got := make(chan int, 3)
		for _, tail := range tails(s, model.Start{Since: 1}) {
			rows, loss, err := tail.next(ctx)
			require.NoError(t, err)
			require.Zero(t, loss)
			require.Greater(t, rows, 90)
			go func() {
				rows, _, _ := tail.next(ctx)
				got <- rows
			}()
		}
		synctest.Wait()
		assert.Empty(t, got)
		s.AppendEvents(richEvents(random, 20))
		s.AppendSpans(richSpans(random, 20))
		s.AppendPoints(richPoints(random, 20))
		for range 3 {
			assert.Positive(t, <-got)
		}
		settle(s)
	})
}
