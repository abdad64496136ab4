// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package learned

import (
	"math"
	"slices"
)

// leastScale is the least spread of each dimension: below it a difference is of no
// interest to anyone. Rate by a third, failures by one percentage point, durations
// by a tenth.
func leastScale() vector { return vector{0.3, 0.01, 0.1, 0.1} }

// spread is the median of each dimension, and its distance from it: 1.4826 times the
// median absolute deviation, which is the standard deviation of a normal distribution.
type spread struct{ middle, scale vector }

func spreadOf(list []vector) spread {
	var s spread
	least := leastScale()
	column := make([]float64, len(list))
	for d := range dimensions {
		for i := range list {
			column[i] = list[i][d]
		}
		s.middle[d] = median(column)
		for i := range column {
			column[i] = math.Abs(column[i] - s.middle[d])
		}
		s.scale[d] = max(1.4826*median(column), least[d])
	}
	return s
}

// median sorts the list.
func median(list []float64) float64 {
	if len(list) == 0 {
		return 0
	}
	slices.Sort(list)
	return list[len(list)/2]
}

// scaled is the distance of a vector from the middle, by dimension, in spreads.
func (s *spread) scaled(v vector) vector {
	for d := range dimensions {
		v[d] = (v[d] - s.middle[d]) / s.scale[d]
	}
	return v
}
