// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package aggregate

import "github.com/tapio/tapio/internal/model"

// KnowsStart reports whether a point has the time since when it counts. OTLP writes an
// unknown start as 0 or, of the first point, as the time of the point itself.
func KnowsStart(p *model.Point) bool { return p.Start != 0 && p.Start < p.Time }

// Restarted reports whether the start times of two points of a cumulative series
// show a reset between them. A counter that was read at before.Time cannot have
// started earlier than that: such a start is one that the sender computed again,
// for example from the time since boot.
func Restarted(before, after *model.Point) bool {
	return KnowsStart(after) && after.Start != before.Start && after.Start >= before.Time
}

// Fell reports whether a cumulative series shows less than before, which is a
// reset whatever its start times are.
func Fell(metric *model.Metric, before, after *model.Point) bool {
	if metric.Type == model.MetricSum {
		return metric.Monotonic && after.Float() < before.Float()
	}
	return distributionFell(before, after)
}
