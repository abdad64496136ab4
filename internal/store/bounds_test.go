// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"fmt"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/model"
)

// heapBytes is what is live on the heap.
func heapBytes() int64 {
	runtime.GC()
	runtime.GC() // what the first one only made free to go
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// distinctEvents makes records of which each brings new labels.
func distinctEvents(from, n int, label func(i int) (key, value string)) []model.Event {
	rows := make([]model.Event, n)
	origin := resource("service")
	for i := range rows {
		key, value := label(from + i)
		rows[i] = model.Event{
			Time: model.Nanos(from + i + 1), Resource: origin, Scope: &model.Scope{},
			Attributes: attributes(key, value), Body: model.StringValue(fmt.Sprintf("a line of text with its number, %d", from+i)),
		}
	}
	return rows
}

// The account is what the heap grows by: it may not be much less, or the
// bound would not bound, and not much more, or memory would lie idle. Whatever
// the records are like, the bound holds all the while.
func TestTheAccountIsWhatTheHeapGrowsBy(t *testing.T) {
	if underRace {
		t.Skip("the race detector's own memory would be measured, too")
	}
	const limit = 24 * mebibyte
	fills := map[string]func(s *Store, from int){
		"usual records": func() func(*Store, int) {
			made := newShop()
			return func(s *Store, _ int) { s.AppendEvents(made.events(2000)) }
		}(),
		"spans": func() func(*Store, int) {
			made := newShop()
			return func(s *Store, _ int) { s.AppendSpans(made.spans(2000)) }
		}(),
		"a new value each": func(s *Store, from int) {
			s.AppendEvents(distinctEvents(from, 2000, func(i int) (key, value string) {
				return "user.id", fmt.Sprintf("%016x", uint64(i+1)*0x9e3779b97f4a7c15)
			}))
		},
		"a new key each": func(s *Store, from int) {
			s.AppendEvents(distinctEvents(from, 2000, func(i int) (key, value string) { return fmt.Sprint("key.", i), "value" }))
		},
		"a new service each": func(s *Store, from int) {
			rows := distinctEvents(from, 2000, func(int) (key, value string) { return "key", "value" })
			for i := range rows {
				rows[i].Resource = resource(fmt.Sprint("service-", from+i))
			}
			s.AppendEvents(rows)
		},
	}
	for name, fill := range fills {
		t.Run(name, func(t *testing.T) {
			s := New(Limits{Logs: limit, Traces: limit}, time.Now)
			fill(s, 400_000) // what compression holds for itself is on no account
			s.events.compactAll()
			s.spans.compactAll()
			accounted := func() int64 { return int64(s.Stats()[0].Bytes + s.Stats()[1].Bytes) }
			before, accountBefore := heapBytes(), accounted()
			evicted := func() (rows uint64) {
				for _, stats := range s.Stats() {
					rows += stats.Evicted["size"]
				}
				return rows
			}
			for from := 0; from < 400_000 && evicted() == 0; from += 2000 {
				fill(s, from)
				for _, stats := range s.Stats() {
					require.LessOrEqual(t, stats.Bytes, stats.Capacity)
				}
			}
			settle(s)
			account := accounted() - accountBefore
			require.Greater(t, account, int64(limit/4), "enough for the rest not to matter")
			grown := heapBytes() - before
			ratio := float64(grown) / float64(account)
			t.Logf("the heap grew by %d KiB, the account says %d KiB: %.2f", grown>>10, account>>10, ratio)
			assert.Less(t, ratio, 1.35)
			assert.Greater(t, ratio, 0.75)
			runtime.KeepAlive(s)
		})
	}
}

func TestManyLabelsAreReported(t *testing.T) {
	s := New(Limits{Logs: 64 * mebibyte}, time.Now)
	s.AppendEvents(distinctEvents(0, 40_000, func(i int) (key, value string) { return "user.id", fmt.Sprint("user-", i) }))
	s.AppendEvents(distinctEvents(40_000, 40_000, func(i int) (key, value string) { return "tier", fmt.Sprint("tier-", i%3) }))
	s.events.compactAll()
	c := s.Cardinality()[0]
	assert.Equal(t, []string{"user.id"}, c.OpenKeys)
	assert.Less(t, c.Labels, uint64(20), "what is left: tiers, the service, the severity")

	s.AppendEvents(distinctEvents(0, 40_000, func(i int) (key, value string) { return fmt.Sprint("key.", i), "value" }))
	s.events.compactAll()
	c = s.Cardinality()[0]
	assert.InEpsilon(t, 40_000, c.Labels, 0.15, "an estimate")
}

func TestDistinctIsExactUpToTheSketch(t *testing.T) {
	var s sketch
	var hashes []uint64
	for i := range uint64(sketchSize - 1) {
		hashes = append(hashes, (i+1)*0x9e3779b97f4a7c15)
	}
	slices.Sort(hashes)
	s.add(hashes[:700])
	s.add(hashes[300:])
	assert.EqualValues(t, sketchSize-1, s.distinct())
}
