// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package tiered_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/tapio/tapio/internal/backend/conformance"
	"github.com/tapio/tapio/internal/backend/federation"
	"github.com/tapio/tapio/internal/backend/tiered"
	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/otlp"
	"github.com/tapio/tapio/internal/query"
	"github.com/tapio/tapio/internal/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newStore(t *testing.T) *store.Store {
	held := store.New(store.Limits{Logs: 64 << 20, Traces: 64 << 20, Metrics: 64 << 20, QueryMemory: 64 << 20}, time.Now)
	t.Cleanup(held.Close)
	return held
}

func write(t *testing.T, to *store.Store, data conformance.Telemetry) {
	t.Helper()
	_, err := to.AppendEvents(otlp.EventsFromLogs(data.Logs))
	require.NoError(t, err)
	_, err = to.AppendSpans(otlp.SpansFromTraces(data.Traces))
	require.NoError(t, err)
	_, err = to.AppendPoints(otlp.PointsFromMetrics(data.Metrics))
	require.NoError(t, err)
}

func newTiers(t *testing.T, recent, older query.Reader, seam model.Nanos) *tiered.Reader {
	return tiered.New(tiered.Options{
		Recent: federation.Member{Name: "memory", Reader: recent}, Older: federation.Member{Name: "archive", Reader: older},
		Since: func() model.Nanos { return seam }, Timeout: time.Minute, Calls: 16, QueryMemory: 64 << 20, Now: time.Now,
		Panicked: func(err error) { assert.NoError(t, err) },
	})
}

// Both tiers hold everything: what is in each answer once comes from one side of the seam.
func TestConforms(t *testing.T) {
	for name, seam := range map[string]model.Nanos{
		"seam within a window":     conformance.DatasetStart + model.Nanos(4*time.Minute+33*time.Second+7),
		"seam between two windows": conformance.DatasetStart + model.Nanos(5*time.Minute),
		"all in the recent tier":   1,
		"all in the older tier":    conformance.DatasetStart + model.Nanos(time.Hour),
	} {
		t.Run(name, func(t *testing.T) {
			conformance.Run(t, func(t *testing.T) conformance.Backend {
				recent, older := newStore(t), newStore(t)
				return conformance.Backend{
					Reader: newTiers(t, recent.Reader(), older.Reader(), seam),
					Write: func(t *testing.T, data conformance.Telemetry) {
						write(t, recent, data)
						write(t, older, data)
					},
				}
			})
		})
	}
}

// stuck is a reader that answers nothing before its context ends.
type stuck struct{ query.Reader }

func (s stuck) QueryEvents(ctx context.Context, _ model.EventQuery) (model.Page[model.Event], error) {
	<-ctx.Done()
	return model.Page[model.Event]{}, ctx.Err()
}

func (s stuck) ListServices(ctx context.Context, _ model.ServiceQuery) (model.List[model.Service], error) {
	<-ctx.Done()
	return model.List[model.Service]{}, ctx.Err()
}

func TestAStuckTierIsNoted(t *testing.T) {
	recent := newStore(t)
	_, err := recent.AppendEvents([]model.Event{{Time: 20, Resource: &model.Resource{}, Scope: &model.Scope{}}})
	require.NoError(t, err)
	tiers := tiered.New(tiered.Options{
		Recent: federation.Member{Name: "memory", Reader: recent.Reader()}, Older: federation.Member{Name: "clickhouse", Reader: stuck{newStore(t).Reader()}},
		Since: func() model.Nanos { return 10 }, Timeout: 50 * time.Millisecond, Calls: 4, QueryMemory: 1 << 20, Now: time.Now,
		Panicked: func(err error) { assert.NoError(t, err) },
	})
	want := []query.Note{{Source: "clickhouse", State: query.SourceLate, Message: "did not answer in time"}}
	ctx, notes := query.WithNotes(t.Context())
	page, err := tiers.QueryEvents(ctx, model.EventQuery{Paging: model.Paging{Limit: 10}})
	require.NoError(t, err)
	require.Len(t, page.Rows, 1)
	require.Equal(t, want, notes.List())

	ctx, notes = query.WithNotes(t.Context())
	services, err := tiers.ListServices(ctx, model.ServiceQuery{Paging: model.ListPaging{Limit: 10}})
	require.NoError(t, err)
	require.Len(t, services.Items, 1)
	require.Equal(t, want, notes.List())

	ctx, notes = query.WithNotes(t.Context())
	_, err = tiers.QueryEvents(ctx, model.EventQuery{Filter: model.Filter{Time: model.TimeRange{Start: 10}}, Paging: model.Paging{Limit: 10}})
	require.NoError(t, err)
	require.Empty(t, notes.List(), "a query behind the seam does not need the older tier")
}

// The recent tier evicts what a further page would have taken from it.
func TestTheSeamMovesBetweenPages(t *testing.T) {
	recent, older := newStore(t), newStore(t)
	var events []model.Event
	for at := range model.Nanos(40) {
		events = append(events, model.Event{Time: at + 1, Resource: &model.Resource{}, Scope: &model.Scope{}})
	}
	_, err := older.AppendEvents(events)
	require.NoError(t, err)
	_, err = recent.AppendEvents(events[30:])
	require.NoError(t, err)
	seam := model.Nanos(20)
	for _, ascending := range []bool{false, true} {
		tiers := tiered.New(tiered.Options{
			Recent: federation.Member{Name: "memory", Reader: recent.Reader()}, Older: federation.Member{Name: "archive", Reader: older.Reader()},
			Since: func() model.Nanos { return seam }, Timeout: time.Minute, Calls: 4, QueryMemory: 1 << 20, Now: time.Now,
			Panicked: func(err error) { assert.NoError(t, err) },
		})
		seam = 31 // as the recent tier is
		var times []model.Nanos
		paging := model.Paging{Limit: 6, Ascending: ascending}
		for {
			page, err := tiers.QueryEvents(t.Context(), model.EventQuery{Paging: paging})
			require.NoError(t, err)
			for i := range page.Rows {
				times = append(times, page.Rows[i].Time)
			}
			if page.Next.IsZero() {
				break
			}
			paging.After = page.Next
			seam = 35 // what is before counts as evicted
		}
		require.Len(t, times, 40)
		for i, at := range times {
			want := model.Nanos(i + 1)
			if !ascending {
				want = model.Nanos(40 - i)
			}
			require.Equal(t, want, at)
		}
		seam = 20
	}
}
