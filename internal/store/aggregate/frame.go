// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package aggregate

import (
	"math"

	"github.com/tapio/tapio/internal/model"
)

// maxWindows bounds the windows of one Aggregate, as Prometheus does.
const maxWindows = 11_000

// Frame lays the windows over the range of a query.
type Frame struct {
	resolution  model.Nanos
	start, end  model.Nanos // of the query; 0: open
	first, last model.Nanos // of the data, or of the query where it is bounded
}

// NewFrame lays the windows of a query over data of that range.
func NewFrame(q model.AggregateQuery, oldest, newest model.Nanos) Frame {
	return Frame{
		resolution: model.Nanos(q.Resolution),
		start:      q.Filter.Time.Start, end: q.Filter.Time.End,
		first: oldest, last: newest,
	}
}

// Check returns an error if there are too many windows.
func (f Frame) Check() error {
	if f.resolution == 0 || f.last < f.first {
		return nil
	}
	windows := f.Number(f.last) - f.Number(f.first) + 1
	if windows > maxWindows {
		return model.InvalidField("query.resolution", "makes %d windows, the most is %d: take a wider resolution or a shorter filter.time_range",
			windows, maxWindows)
	}
	return nil
}

// Number counts the windows since the epoch up to the one that holds t.
func (f Frame) Number(t model.Nanos) model.Nanos {
	n := t / f.resolution
	if t%f.resolution != 0 {
		n++
	}
	return n
}

// Window is a stretch of time whose points become one value.
type Window struct {
	End  model.Nanos // what the value is dated with
	Last model.Nanos // the latest time that it holds
	// from and to bound the time that it covers within the query's range.
	from, to model.Nanos
}

// seconds is the time that the window covers.
func (w Window) seconds() float64 { return seconds(w.from, w.to) }

func seconds(from, to model.Nanos) float64 {
	if to <= from {
		return 0
	}
	return float64(to-from) / 1e9
}

// Window returns the one that holds t.
func (f Frame) Window(t model.Nanos) Window {
	if f.resolution == 0 {
		return f.whole()
	}
	end := model.Nanos(math.MaxUint64)
	if n := f.Number(t); n <= end/f.resolution {
		end = n * f.resolution
	}
	w := Window{End: end, Last: end, to: end}
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
func (f Frame) whole() Window {
	w := Window{End: f.last, Last: math.MaxUint64, from: f.first, to: f.last}
	if f.start != 0 {
		w.from = f.start
	}
	if f.end != 0 {
		w.End, w.to = f.end, f.end
	}
	return w
}
