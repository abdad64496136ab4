// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"fmt"
	"math"

	"github.com/tapio/tapio/internal/model"
)

const (
	// minPairs is the least number of simultaneous values of two series, minMoving the least correlation.
	// With ten pairs a correlation of 0.9 occurs by chance once in two thousand.
	minPairs  = 10
	minMoving = 0.9
	// movingValues is how many values are compared: those before the fault and since.
	movingValues = 2 * minPairs
)

// statistical correlates the metric of the cause with metrics that change with it.
func statistical(de *describer, g *group, signs []*sign) []*model.Correlation {
	var list []*model.Correlation
	var moving []*series
	var of []*sign
	for _, s := range signs {
		for _, held := range de.hosts.series.All() {
			if held := *held; held.strange > 0 && held.name == s.key.what && held.service.name == s.key.service {
				moving, of = append(moving, held), append(of, s)
				break
			}
		}
	}
	for i := range moving {
		for k := i + 1; k < len(moving) && len(list) < maxPerRule; k++ {
			if r := moving[i].movesWith(moving[k]); math.Abs(r) >= minMoving {
				list = append(list, de.joined(g, model.CorrelationStatistical, "co_moving", []*sign{of[i], of[k]}, math.Abs(r),
					fmt.Sprintf("%s of %s and %s of %s move together (r = %.2f)",
						moving[i].name, moving[i].service.name, moving[k].name, moving[k].service.name, r)))
			}
		}
	}
	return list
}

// movesWith is Pearson's correlation coefficient of the newest values of two series.
func (s *series) movesWith(o *series) float64 {
	n := min(s.came, o.came, movingValues)
	if n < minPairs {
		return 0
	}
	var x, y, xx, yy, xy float64
	for i := range n {
		a, b := s.back(i), o.back(i)
		x, y, xx, yy, xy = x+a, y+b, xx+a*a, yy+b*b, xy+a*b
	}
	m := float64(n)
	below := math.Sqrt(max(0, m*xx-x*x)) * math.Sqrt(max(0, m*yy-y*y))
	if below == 0 {
		return 0
	}
	return (m*xy - x*y) / below
}

// back returns the i-th value before the newest.
func (s *series) back(i int) float64 { return float64(s.latest[(s.came-1-i)%movingValues]) }
