// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import "math"

// alarmAt returns the strength from which an anomaly opens an incident. At this strength chance alone
// would open one incident in three weeks, over all the quantities that are judged. Strengths follow
// the chi-squared distribution with one degree of freedom.
func (e *Engine) alarmAt() float64 {
	return strengthOf(1 / (e.quantities() * windowsUntilFalse))
}

// strengthOf returns the strength that chance alone exceeds with this probability.
func strengthOf(probability float64) float64 {
	root := math.Erfcinv(probability)
	return 2 * root * root
}

// quantities estimates how many quantities the engine judges.
func (e *Engine) quantities() float64 {
	g := e.graph
	return float64(max(minJudged, g.features+g.operations.size()+g.calls.size()+g.dependencies.size()+e.lines.size()+e.series.size()))
}

const (
	// windowsUntilFalse is the number of independent windows of three minutes in three weeks.
	windowsUntilFalse = 21 * 24 * 20
	// minJudged is the least number of quantities assumed, so that an engine that has just started does
	// not use too low a threshold.
	minJudged = 100
)
