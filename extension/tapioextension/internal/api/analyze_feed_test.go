// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/extension/tapioextension/internal/stream"
	"github.com/tapio/tapio/internal/model"
)

// arrived is a tail of times in the order of their arrival.
type arrived struct{ times []model.Nanos }

func (a *arrived) Ready(context.Context) error { return nil }

func (a *arrived) Bound(int) {}

func (a *arrived) Skip() model.Loss { return model.Loss{} }

func (a *arrived) Position() uint64 { return 0 }

func (a *arrived) Poll(most int) ([]model.Nanos, model.Loss, bool) {
	n := min(most, len(a.times))
	rows := a.times[:n]
	a.times = a.times[n:]
	return rows, model.Loss{}, n > 0
}

func TestWhatArrivesLateIsShownInTime(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var times, sorted []model.Nanos
	due := map[model.Nanos]model.Nanos{}
	for i := range model.Nanos(5000) {
		at := i * model.Nanos(100*time.Millisecond)
		due[at] = at + model.Nanos(random.Int64N(int64(30*time.Second)))
		times, sorted = append(times, at), append(sorted, at)
	}
	slices.SortFunc(times, func(a, b model.Nanos) int { return int(due[a]) - int(due[b]) })
	require.False(t, slices.IsSorted(times))
	var shown []model.Nanos
	feed := &rows[model.Nanos]{
		tail: &arrived{times}, when: func(at *model.Nanos) model.Nanos { return *at }, size: func(*model.Nanos) int { return 1000 },
		show: func(list []model.Nanos) { shown = append(shown, list...) },
	}
	for {
		next, more, err := feed.next(t.Context())
		require.NoError(t, err)
		if !more {
			break
		}
		n, err := feed.showUntil(t.Context(), next+analysisStep)
		require.NoError(t, err)
		require.NotZero(t, n)
	}
	require.Equal(t, sorted, shown)
	require.Zero(t, feed.held)
}

// However many records wait for earlier ones, they take no more than the bound and what
// came at once.
func TestWhatWaitsForEarlierRecordsIsBounded(t *testing.T) {
	const bytes, count = 10_000, 8000
	times := make([]model.Nanos, count)
	for i := range times {
		times[i] = model.Nanos(i) // all within a minute
	}
	most, shown := 0, 0
	var feed *rows[model.Nanos]
	feed = &rows[model.Nanos]{
		tail: &arrived{times}, when: func(at *model.Nanos) model.Nanos { return *at }, size: func(*model.Nanos) int { return bytes },
		show: func(list []model.Nanos) { most, shown = max(most, feed.held+len(list)*bytes), shown+len(list) },
	}
	_, err := feed.showUntil(t.Context(), model.Nanos(time.Hour))
	require.NoError(t, err)
	require.Equal(t, count, shown)
	require.LessOrEqual(t, most, maxDisorder+stream.TailRows*bytes)
}
