// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"math"

	"github.com/tapio/tapio/internal/model"
)

// maxWindows bounds the windows of one Aggregate, as Prometheus does.
const maxWindows = 11_000

// frame lays the windows over the range of a query.
type frame struct {
	resolution  model.Nanos
	start, end  model.Nanos // of the query; 0: open
	first, last model.Nanos // of the data, or of the query where it is bounded
}

func newFrame(q model.AggregateQuery, oldest, newest model.Nanos) frame {
	return frame{
		resolution: model.Nanos(q.Resolution),
		start:      q.Filter.Time.Start, end: q.Filter.Time.End,
		first: oldest, last: newest,
	}
}

func (f frame) check() error {
	if f.resolution == 0 || f.last < f.first {
		return nil
	}
	windows := f.number(f.last) - f.number(f.first) + 1
	if windows > maxWindows {
		return model.InvalidField("query.resolution", "makes %d windows, the most is %d: take a wider resolution or a shorter filter.time_range",
			windows, maxWindows)
	}
	return nil
}

// number counts the windows since the epoch up to the one that holds t.
func (f frame) number(t model.Nanos) model.Nanos {
	n := t / f.resolution
	if t%f.resolution != 0 {
		n++
	}
	return n
}

// window is a stretch of time whose points become one value.
type window struct {
	end  model.Nanos // what the value is dated with
	last model.Nanos // the latest time that it holds
	// from and to bound the time that it covers within the query's range.
	from, to model.Nanos
}

// seconds is the time that the window covers.
func (w window) seconds() float64 { return seconds(w.from, w.to) }

func seconds(from, to model.Nanos) float64 {
	if to <= from {
		return 0
	}
	return float64(to-from) / 1e9
}

// window returns the one that holds t.
func (f frame) window(t model.Nanos) window {
	if f.resolution == 0 {
		return f.whole()
	}
	end := model.Nanos(math.MaxUint64)
	if n := f.number(t); n <= end/f.resolution {
		end = n * f.resolution
	}
	w := window{end: end, last: end, to: end}
	if end > f.resolution {
		w.from = end - f.resolution
	}
	w.from = max(w.from, f.start)
	if f.end != 0 {
		w.to = min(w.to, f.end)
	}
	return w
}

// whole is the one window over the range.
func (f frame) whole() window {
	w := window{end: f.last, last: math.MaxUint64, from: f.first, to: f.last}
	if f.start != 0 {
		w.from = f.start
	}
	if f.end != 0 {
		w.end, w.to = f.end, f.end
	}
	return w
}
