// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/semconv"
)

// What is remembered of series counts as reading them all does, while old ones are
// evicted and their slots get others.
func TestServicesOfSeries(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	s, _ := newTestStore(t, 256*1024, 0)
	now := second(1000)
	for round := range 30 {
		var points []model.Point
		for range 400 {
			now += model.Nanos(r.IntN(1e9))
			host := fmt.Sprint("node-", round/10, "-", r.IntN(3))
			series := &model.Series{
				Metric: &model.Metric{Name: fmt.Sprint("m", r.IntN(5)), Type: model.MetricGauge, Description: fmt.Sprint(r.IntN(2))},
				Scope:  &model.Scope{}, Resource: &model.Resource{Attributes: attributes(semconv.ServiceName, fmt.Sprint("s", r.IntN(4)), instanceKey, host)},
				Attributes: attributes("route", fmt.Sprint(round/8, r.IntN(5))),
			}
			if r.IntN(10) == 0 {
				series.Attributes = append(series.Attributes, attributes(semconv.ServiceName, "own")...)
			}
			points = append(points, model.Point{Series: series, Time: now, Number: model.NumberInt, Bits: 1})
		}
		_, err := s.AppendPoints(points)
		require.NoError(t, err)
		settle(s)
		for _, times := range []model.TimeRange{{}, {Start: now - second(600)}, {Start: now / 2, End: now - second(100)}} {
			a := s.budget.Account(t.Context())
			want := newServiceTallies(a)
			filter := model.Filter{Time: times}
			require.NoError(t, s.countSeries(t.Context(), &filter, nil, a, want.series))
			got := newServiceTallies(a)
			require.NoError(t, s.countOwned(t.Context(), times, got))
			require.NotEmpty(t, want.tallies)
			require.Len(t, got.tallies, len(want.tallies))
			for name, tally := range want.tallies {
				require.Equal(t, tally.result(times), got.tallies[name].result(times), "%s at %v", name, times)
			}
			a.Close()
		}
	}
	require.NotZero(t, s.Stats()[2].Evicted["size"])
}
