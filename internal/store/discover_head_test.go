// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/semconv"
)

// discovered is what queries find of the same records.
type discovered struct {
	services   model.List[model.Service]
	operations model.List[model.Operation]
	labels     model.List[model.LabelInfo]
	values     model.List[model.LabelValue]
	counts     model.Counts
	facets     model.Facets
}

func discover(t *testing.T, s *Store, filter model.Filter) (d discovered) {
	t.Helper()
	ctx, paging := t.Context(), model.ListPaging{Limit: 100}
	logs := model.RecordSelection{Signal: model.SignalLogs, Filter: filter}
	var err error
	d.services, err = s.ListServices(ctx, model.ServiceQuery{Filter: filter, Paging: paging})
	require.NoError(t, err)
	d.operations, err = s.ListOperations(ctx, model.OperationQuery{Filter: filter, Paging: paging})
	require.NoError(t, err)
	d.labels, err = s.ListLabels(ctx, model.LabelQuery{Filter: filter, Paging: paging})
	require.NoError(t, err)
	d.values, err = s.ListLabelValues(ctx, model.LabelQuery{Filter: filter, Label: "http.route", Paging: paging})
	require.NoError(t, err)
	d.counts, err = s.CountRecords(ctx, model.CountQuery{Selection: logs, GroupBy: "severity", Resolution: 10 * time.Second, Limit: 20})
	require.NoError(t, err)
	d.facets, err = s.GetFacets(ctx, model.FacetQuery{Selection: logs, Labels: []string{"http.route", "severity"}, Limit: 10, MaxLabels: 10})
	require.NoError(t, err)
	return d
}

// everyRow selects all records of these tests, so that no summary answers.
func everyRow(t *testing.T) model.Filter {
	t.Helper()
	selector, err := model.NewSelector(semconv.ServiceName, string(model.OpExists), nil)
	require.NoError(t, err)
	return model.Filter{Selectors: []model.Selector{selector}}
}

// Rows that are not compacted are counted as they come, and give what looking at each
// gives.
func TestRowsThatAreNotCompactedAreCountedOnce(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	s, _ := newTestStore(t, 64*mebibyte, 0)
	now := second(1000)
	for range 12 {
		n := 100 + r.IntN(1500)
		s.AppendEvents(shopEvents(r, n, now))
		s.AppendSpans(newShop().spans(n / 2))
		now += model.Nanos(n) * 1e7
		want := discover(t, s, everyRow(t))
		require.Equal(t, want, discover(t, s, model.Filter{}))
		require.Equal(t, want, discover(t, s, model.Filter{}), "again")
		some := everyRow(t)
		some.Time = model.TimeRange{Start: now / 2, End: now - second(5)}
		require.Equal(t, discover(t, s, some), discover(t, s, model.Filter{Time: some.Time}))
	}
	views, total := s.events.views()
	require.Nil(t, views[len(views)-1].segment)
	require.NotEmpty(t, views[len(views)-1].head.blocks)
	require.NotZero(t, total)
}

// Queries and writers at once find no fewer records than before.
func TestRowsAreCountedWhileMoreCome(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	s, _ := newTestStore(t, 64*mebibyte, 0)
	var writer, readers sync.WaitGroup
	stop := make(chan struct{})
	for range 2 {
		readers.Go(func() {
			for last := uint64(0); ; {
				counts, err := s.CountRecords(t.Context(), model.CountQuery{Selection: model.RecordSelection{Signal: model.SignalLogs}, Limit: 1})
				if err != nil || counts.Total < last {
					t.Errorf("%d records after %d: %v", counts.Total, last, err)
					return
				}
				last = counts.Total
				select {
				case <-stop:
					return
				default:
				}
			}
		})
	}
	writer.Go(func() {
		for i := range 100 {
			s.AppendEvents(shopEvents(r, 200, second(1000+i)))
		}
	})
	writer.Wait()
	close(stop)
	readers.Wait()
	counts, err := s.CountRecords(t.Context(), model.CountQuery{Selection: model.RecordSelection{Signal: model.SignalLogs}, Limit: 1})
	require.NoError(t, err)
	require.EqualValues(t, 20_000, counts.Total)
}
