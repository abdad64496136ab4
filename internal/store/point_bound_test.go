// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/model"
)

// values gives each value with its slot.
func (n *interner) values(yield func(uint32, *interned) bool) {
	for slot := range uint32(len(n.pages) * pageSlots) {
		if e := n.at(slot); e != nil && !yield(slot, e) {
			return
		}
	}
}

// recountPoints adds up what the log of points really holds.
func recountPoints(t *testing.T, l *pointLog) (rows int, bytes int64) {
	t.Helper()
	l.mu.RLock()
	defer l.mu.RUnlock()
	refs := map[uint32]uint32{}
	for _, c := range l.chunks {
		rows += c.count
		bytes += c.size()
		for slot := range c.eachMember {
			refs[slot]++
		}
	}
	labels, shared := map[string]uint32{}, [sharedParts]map[uint32]uint32{{}, {}, {}}
	for slot, e := range l.registry.series.values {
		require.Equal(t, refs[slot], e.refs, "slot %d", slot)
		delete(refs, slot)
		eachName(e.key, func(name string) { labels[name]++ })
		for i, part := range e.of {
			shared[i][part]++
		}
	}
	for i := range shared {
		for slot, e := range l.registry.shared[i].values {
			require.Equal(t, shared[i][slot], e.refs)
		}
	}
	require.Empty(t, refs)
	for slot := range shared[partResource] {
		eachName(l.registry.shared[partResource].at(slot).key, func(name string) { labels[name]++ })
	}
	require.Len(t, labels, l.registry.labels.live())
	for _, n := range l.registry.all() {
		keys, count, pages := 0, 0, map[*page]bool{}
		for slot, e := range n.values {
			keys += len(e.key) + keyBytes
			count++
			pages[n.pages[slot/pageSlots]] = true
			at, found := n.find(e.hash, e.of, []byte(e.key))
			require.True(t, found)
			require.EqualValues(t, slot, at)
		}
		require.Equal(t, []int{keys, count, len(pages)}, []int{n.keys, n.count, n.made})
	}
	return rows, bytes + l.registry.size()
}

func requireExactPoints(t *testing.T, s *Store) {
	t.Helper()
	settle(s)
	stats := s.Stats()[2]
	rows, bytes := recountPoints(t, s.points)
	require.EqualValues(t, rows, stats.Rows)
	require.EqualValues(t, bytes, stats.Bytes)
	require.LessOrEqual(t, stats.Bytes, stats.Capacity)
}

// A new label value in every row must not bring the store out of its bounds.
func TestEverNewSeriesStayWithinTheBound(t *testing.T) {
	s, _ := newTestStore(t, 256<<10, 0)
	metric, origin, scope := &model.Metric{Name: "flood", Type: model.MetricGauge}, resource("shop"), &model.Scope{}
	for n := range 40 {
		rows := make([]model.Point, 500)
		for i := range rows {
			rows[i] = model.Point{
				Series: &model.Series{Metric: metric, Resource: origin, Scope: scope, Attributes: attributes("id", fmt.Sprint(n*len(rows)+i))},
				Time:   second(n), Number: model.NumberInt, Bits: uint64(i),
			}
		}
		require.Zero(t, refusedOf(s.AppendPoints(rows)))
		requireExactPoints(t, s)
	}
	stats := s.Stats()[2]
	require.Equal(t, stats.Rows, stats.Series)
	require.EqualValues(t, 20_000, stats.Series+stats.EvictedSeries)
	require.EqualValues(t, 2, stats.Labels, "id and service.name")
	require.Greater(t, stats.SeriesBytes, stats.Bytes/2)

	for range 20 { // until all else is evicted, its memory given back
		s.AppendPoints(numbers(*metric, "calm", 1, randomFloats(10_000)...))
		settle(s)
	}
	requireExactPoints(t, s)
	require.EqualValues(t, 1, s.Stats()[2].Series)
	require.Less(t, s.Stats()[2].SeriesBytes, uint64(16<<10))
}

func randomFloats(n int) []float64 {
	r, values := rand.New(rand.NewPCG(1, 1)), make([]float64, n)
	for i := range values {
		values[i] = r.NormFloat64()
	}
	return values
}

func TestAPointLargerThanTheStoreIsRefused(t *testing.T) {
	s, _ := newTestStore(t, 64<<10, 0)
	rows := gaugePoints("load", 3)
	rows[1].Histogram = &model.Histogram{Counts: make([]uint64, 1<<17)}
	require.Equal(t, 1, refusedOf(s.AppendPoints(rows)))
	stats := s.Stats()[2]
	require.EqualValues(t, 1, stats.Refused["too_large"])
	requireExactPoints(t, s)
}

// What the garbage collector has to look at depends on the series, not on how
// many points they have.
func TestPointsAreNoObjectsOfTheHeap(t *testing.T) {
	objects := func() uint64 {
		var stats runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&stats)
		return stats.HeapObjects
	}
	s, _ := newTestStore(t, 64*mebibyte, 0)
	fill := func(n int) {
		for range n {
			s.AppendPoints(numbers(model.Metric{Name: "m", Type: model.MetricGauge}, "a", 1, randomFloats(10_000)...))
		}
		settle(s)
	}
	fill(20)
	before, rows := objects(), s.Stats()[2].Rows
	fill(60)
	after := objects()
	require.Greater(t, s.Stats()[2].Rows, 3*rows)
	require.Less(t, int64(after)-int64(before), int64(1000), "for 600,000 points more")
	requireExactPoints(t, s)
}
