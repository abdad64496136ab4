// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/query"
	"github.com/tapio/tapio/internal/semconv"
)

// A series is present where there are points of it to want, compacted or not.
func TestPresentSeriesAreThoseThatHavePoints(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	s, _ := newTestStore(t, 256*1024, 0)
	now := second(1000)
	for range 20 {
		var points []model.Point
		for range 300 {
			now += model.Nanos(r.IntN(1e9))
			series := &model.Series{
				Metric: &model.Metric{Name: fmt.Sprint("m", r.IntN(5)), Type: model.MetricGauge}, Scope: &model.Scope{},
				Resource:   &model.Resource{Attributes: attributes(semconv.ServiceName, fmt.Sprint("s", now/second(400)))},
				Attributes: attributes("route", fmt.Sprint(r.IntN(5))),
			}
			points = append(points, model.Point{Series: series, Time: now, Number: model.NumberInt, Bits: 1})
		}
		_, err := s.AppendPoints(points)
		require.NoError(t, err)
		settle(s)
	}
	some, none := 0, 0
	for _, times := range []model.TimeRange{{}, {Start: now - second(300)}, {End: now - second(500)}, {Start: now / 2, End: now - second(200)}} {
		sel := s.selectSeries(t.Context(), times)
		var refs []query.SeriesRef
		for block := range sel.Refs() {
			refs = append(refs, block...)
		}
		present, err := sel.Present(t.Context(), refs)
		require.NoError(t, err)
		wanted, err := sel.Want(t.Context(), refs)
		require.NoError(t, err)
		require.Equal(t, wanted, present, "%v", times)
		for _, is := range present {
			if is {
				some++
			} else {
				none++
			}
		}
		sel.Close()
	}
	require.NotZero(t, some)
	require.NotZero(t, none)
}
