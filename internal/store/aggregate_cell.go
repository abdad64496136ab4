// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"math"
	"unsafe"

	"github.com/tapio/tapio/internal/model"
)

// cellBytes is charged for a window while a group is computed. Its buckets are
// not: what they take does not grow with the points.
const cellBytes = int64(unsafe.Sizeof(cell{})) + 48

// part is what a series brings to a window.
type part struct {
	before *model.Point // the last point before the window; nil: none known
	points []model.Point
}

func (p part) last() *model.Point { return &p.points[len(p.points)-1] }

// cell is what the series of a group together say of a window.
type cell struct {
	number       numberCell
	distribution *distribution // nil for gauges and sums
}

// add takes what one series brings.
func (c *cell) add(how model.Aggregation, metric *model.Metric, w window, p part) {
	switch metric.Type {
	case model.MetricGauge, model.MetricSum:
		c.number.add(how, metric, w, p)
	default:
		if c.distribution == nil {
			c.distribution = &distribution{}
		}
		c.distribution.addPart(how, metric, w, p)
	}
}

// value makes one value of the window, and tells how many samples made it; false
// if the aggregation has no value there.
func (c *cell) value(how model.Aggregation, metric *model.Metric, w window) (value float64, count uint64, ok bool) {
	if c.distribution == nil {
		value, ok = c.number.value(how, metric, w)
		count = c.number.count
	} else {
		value, ok = c.distribution.value(how, metric, w)
		count = c.distribution.count
	}
	return value, count, ok && !math.IsNaN(value)
}
