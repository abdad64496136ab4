// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package promcompare

import (
	"errors"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/util/teststorage"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/model"
)

// withStartTimes ingests the samples as a Prometheus does that has
// created-timestamp-zero-ingestion on: a start time becomes a sample of 0, unless
// it is not after the last sample or not before its own one.
func (s *series) withStartTimes(t *testing.T) (data storage.Queryable, taken, ignored int) {
	t.Helper()
	db := teststorage.New(t)
	for i, of := range s.labels {
		for _, added := range s.samples[i] {
			one := added.(sample)
			app := db.Appender(t.Context())
			if one.st != 0 {
				_, err := app.AppendSTZeroSample(0, of, one.t, one.st)
				switch {
				case err == nil:
					taken++
				case errors.Is(err, storage.ErrOutOfOrderST), errors.Is(err, storage.ErrOutOfOrderSample), errors.Is(err, storage.ErrSTNewerThanSample):
					ignored++
				default:
					require.NoError(t, err)
				}
			}
			_, err := app.Append(0, of, one.t, one.f)
			require.NoError(t, err)
			require.NoError(t, app.Commit())
		}
	}
	return db, taken, ignored
}

// counting is a process with a histogram that starts again and again.
type counting struct {
	began  time.Time
	before time.Time // of its last sample
	h      *model.Histogram
}

func (w *world) observeSome(h *model.Histogram, n int) {
	for range n {
		w.observe(h)
	}
}

// start is what the process reports as its start: the truth, with an error of
// some milliseconds, nothing, or the time of the sample itself.
func (w *world) start(c *counting, way int, at time.Time) time.Time {
	switch way % 4 {
	case 0:
		return c.began
	case 1: // computed again each time, for example from the time since boot
		return c.began.Add(-time.Duration(w.IntN(1000)) * time.Millisecond)
	case 2:
		return time.Time{}
	default:
		return at
	}
}

// Prometheus and the store find the same resets by start times, those to a
// higher value included, and both ignore start times that show none.
func TestStartTimes(t *testing.T) {
	for seed := range uint64(rounds) {
		w := newWorld(seed, model.Metric{Type: model.MetricHistogram, Temporality: model.TemporalityCumulative})
		state := map[*model.Series]*counting{}
		ways := map[*model.Series]int{}
		w.eachSample(func(s *model.Series, of labels.Labels, at time.Time) {
			c := state[s]
			switch {
			case c == nil:
				c = &counting{began: at.Add(-time.Hour), h: empty()}
				state[s], ways[s] = c, len(ways)
				w.observeSome(c.h, 30) // so that the first count is above 0
			case w.IntN(15) > 0 || at.Sub(c.before) <= 3*time.Second:
				w.observeSome(c.h, w.IntN(20))
			default:
				c.h, c.began = empty(), c.before.Add(at.Sub(c.before)/2+time.Second)
				if ways[s]%4 < 2 {
					w.observeSome(c.h, w.IntN(200))
				} else { // a reset that a lower value alone shows
					c.h.Counts[0]++
					c.h.Count++
				}
			}
			c.before = at
			w.started(w.start(c, ways[s], at), func() { w.explicit(s, of, at, cloned(c.h)) })
		})
		data, taken, ignored := w.prom.withStartTimes(t)
		require.NotZero(t, taken)
		require.NotZero(t, ignored)
		w.expectOf(t, model.AggregateCount, `sum by (group) (increase(m_count[1m] anchored))`, data)
		w.expectOf(t, model.AggregateRate, `sum by (group) (increase(m_count[1m] anchored)) / 60`, data)
	}
}

// started adds what add adds, all with one start time.
func (w *world) started(start time.Time, add func()) {
	point := len(w.points)
	before := make([]int, len(w.prom.samples))
	for i := range before {
		before[i] = len(w.prom.samples[i])
	}
	add()
	if start.IsZero() {
		return
	}
	for i := range w.points[point:] {
		w.points[point+i].Start = model.Nanos(start.UnixNano())
	}
	for i, list := range w.prom.samples {
		first := 0
		if i < len(before) {
			first = before[i]
		}
		for n := first; n < len(list); n++ {
			one := list[n].(sample)
			one.st = start.UnixMilli()
			list[n] = one
		}
	}
}
