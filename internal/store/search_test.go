// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/store/budget"
	"github.com/tapio/tapio/internal/store/ngram"
	"github.com/tapio/tapio/internal/store/segment"
)

// compactedEvents is a store of many segments of rich records, and the records.
func compactedEvents(t *testing.T, rows int) (*Store, []model.Event) {
	t.Helper()
	s, _ := newTestStore(t, 256*mebibyte, 0)
	written := richEvents(rand.New(rand.NewPCG(5, 5)), rows)
	s.AppendEvents(written)
	settle(s)
	for i := range written {
		written[i].Seq = uint64(i + 1)
	}
	return s, written
}

func TestTextsOfAllLengthsAreFound(t *testing.T) {
	s, written := compactedEvents(t, ngram.ShortRows+segment.BlockRows)
	r := rand.New(rand.NewPCG(1, 9))
	for n := range 60 {
		text := model.FoldText(written[r.IntN(len(written))].Body.Text())
		if n%3 == 0 {
			text = fmt.Sprint(r.IntN(1_000_000))
		}
		if n%10 == 0 {
			text = "k İ ß q"
		}
		from := r.IntN(len(text) + 1)
		text = text[from:min(len(text), from+1+r.IntN(9))]
		q := model.EventQuery{Filter: model.Filter{Text: text}, Paging: model.Paging{Limit: len(written)}}
		page, err := s.QueryEvents(t.Context(), q)
		require.NoError(t, err)
		require.Equal(t, naive(written, q), seqs(page.Rows), "text %q", text)
	}
}

func TestLowerIsThatOfEachByte(t *testing.T) {
	for c := range 256 {
		text := []byte(strings.Repeat(string([]byte{byte(c)}), 11))
		got := segment.AppendLower([]byte("X"), text)
		want := append([]byte("X"), text...)
		for i := 1; i < len(want); i++ {
			if want[i] >= 'A' && want[i] <= 'Z' {
				want[i] += 'a' - 'A'
			}
		}
		require.Equal(t, want, got)
	}
}

func TestSearchEndsWithItsContext(t *testing.T) {
	s, _ := compactedEvents(t, 20*segment.BlockRows)
	ctx, cancel := context.WithCancel(t.Context())
	looked := 0
	match := func() func(*model.Event) bool {
		return func(*model.Event) bool {
			if looked++; looked == 700 { // in the midst of the second block
				cancel()
			}
			return false
		}
	}
	_, err := queryPage(ctx, s, s.events, model.Paging{Limit: 1}, match, &segment.Hint{})
	require.ErrorIs(t, err, context.Canceled)
	assert.Less(t, looked, 4*segment.BlockRows)
	assert.Zero(t, s.budget.Used.Load(), "what a query held is given back")
}

func TestSearchPassesOnAPanic(t *testing.T) {
	s, _ := compactedEvents(t, 64*segment.BlockRows)
	var mu sync.Mutex
	calls := 0
	match := func() func(*model.Event) bool {
		mu.Lock()
		defer mu.Unlock()
		calls++
		helper := calls > 1
		return func(*model.Event) bool {
			if helper {
				panic("of a helper")
			}
			return false
		}
	}
	require.Greater(t, len(s.events.chunks), 1)
	p, err := newPager(t.Context(), s, s.events, model.Paging{Limit: 1}, match, &segment.Hint{})
	require.NoError(t, err)
	defer p.close()
	search := search[model.Event]{pager: p, best: budget.Best[model.Event]{N: 1, Size: (*model.Event).AnswerSize}}
	ctx, cancel := context.WithCancelCause(t.Context())
	search.cancel = cancel
	search.take() // the first matcher is not a helper's
	p.matcher()
	search.help(ctx)
	assert.ErrorIs(t, context.Cause(ctx), errPanicked)
}

func TestQueryBeyondItsMemoryFails(t *testing.T) {
	s, _ := newTestStore(t, 64*mebibyte, 0)
	rows := events(1, 400)
	for i := range rows {
		rows[i].Body = model.StringValue(strings.Repeat("long ", 1000))
	}
	s.AppendEvents(rows)
	s.SetLimits(Limits{Logs: 64 * mebibyte, QueryMemory: 6 * mebibyte})
	q := model.EventQuery{Paging: model.Paging{Limit: 400}}
	_, err := s.QueryEvents(t.Context(), q)
	var exhausted *model.ExhaustedError
	require.ErrorAs(t, err, &exhausted)
	assert.Contains(t, err.Error(), "limit")
	assert.Contains(t, err.Error(), "store::query_memory")
	assert.Zero(t, s.budget.Used.Load())
	assert.EqualValues(t, 1, s.QueryStats().Refused)

	q.Paging.MaxBytes = 100 << 10 // what does not fit the page is not held
	page, err := s.QueryEvents(t.Context(), q)
	require.NoError(t, err)
	assert.NotEmpty(t, page.Rows)
	assert.Len(t, allEvents(t, s, q, func() {}), 400)
}

func TestQueriesTogetherStayWithinTheirMemory(t *testing.T) {
	b := budget.NewBudget()
	b.Limit.Store(100)
	first, second, third := b.Account(t.Context()), b.Account(t.Context()), b.Account(t.Context())
	require.NoError(t, first.Take(25))
	require.Error(t, first.Take(1), "a query may take a quarter")
	require.NoError(t, second.Take(25))
	require.NoError(t, b.Account(t.Context()).Take(25))
	require.NoError(t, third.TakeBlock(20), "a block is not charged to the query")
	require.ErrorContains(t, b.Account(t.Context()).Take(6), "all queries together")
	first.Close()
	require.NoError(t, b.Account(t.Context()).Take(6))
	require.NoError(t, third.TakeBlock(-20))
	assert.EqualValues(t, 56, b.Used.Load())
	assert.EqualValues(t, 95, b.Peak.Load())
}
