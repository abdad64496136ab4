// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package aggregate

import (
	"math"
	"unsafe"

	"github.com/tapio/tapio/internal/model"
)

// CellBytes is charged for a window while a group is computed. Its buckets are
// not: what they take does not grow with the points.
const CellBytes = int64(unsafe.Sizeof(Cell{})) + 48

// Part is what a series brings to a window.
type Part struct {
	Before *model.Point // the last point before the window; nil: none known
	Points []model.Point
}

func (p Part) last() *model.Point { return &p.Points[len(p.Points)-1] }

// Cell is what the series of a group together say of a window.
type Cell struct {
	number       numberCell
	distribution *distribution // nil for gauges and sums
}

// Add takes what one series brings.
func (c *Cell) Add(how model.Aggregation, metric *model.Metric, w Window, p Part) {
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

// Value makes one value of the window, and returns how many samples made it; false
// if the aggregation has no value there.
func (c *Cell) Value(how model.Aggregation, metric *model.Metric, w Window) (value float64, count uint64, ok bool) {
	if c.distribution == nil {
		value, ok = c.number.value(how, metric, w)
		count = c.number.count
	} else {
		value, ok = c.distribution.value(how, metric, w)
		count = c.distribution.count
	}
	return value, count, ok && !math.IsNaN(value)
}
