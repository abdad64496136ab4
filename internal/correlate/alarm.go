// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"github.com/tapio/tapio/internal/correlate/baseline"
	"github.com/tapio/tapio/internal/correlate/lru"
)

// threshold says how strong an anomaly must be, by the number of quantities that are judged.
type threshold struct {
	graph  *graph
	lines  *lru.Table[lineKey, *line]
	series *lru.Table[seriesKey, *series]
}

// alarmAt returns the strength from which an anomaly opens an incident. At this strength chance alone
// would open one incident in three weeks, over all the quantities that are judged. Strengths follow
// the chi-squared distribution with one degree of freedom.
func (th *threshold) alarmAt() float64 {
	return baseline.StrengthOf(1 / (th.quantities() * windowsUntilFalse))
}

// quantities estimates how many quantities the engine judges.
func (th *threshold) quantities() float64 {
	g := th.graph
	return float64(max(minJudged, g.features+g.operations.Size()+g.calls.Size()+g.dependencies.Size()+th.lines.Size()+th.series.Size()))
}

const (
	// windowsUntilFalse is the number of independent windows of three minutes in three weeks.
	windowsUntilFalse = 21 * 24 * 20
	// minJudged is the least number of quantities assumed, so that an engine that has just started does
	// not use too low a threshold.
	minJudged = 100
)
