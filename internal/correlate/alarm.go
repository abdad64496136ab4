// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import "math"

// alarmAt is the strength that opens an incident: what chance alone would show
// once in three weeks among all the quantities that are judged, by the
// chi-squared distribution of one degree of freedom.
func (e *Engine) alarmAt() float64 {
	return strengthOf(1 / (e.quantities() * windowsUntilFalse))
}

// strengthOf is what a sign must have to be less probable than that by chance.
func strengthOf(probability float64) float64 {
	root := math.Erfcinv(probability)
	return 2 * root * root
}

// quantities is how many are judged.
func (e *Engine) quantities() float64 {
	g := e.graph
	return float64(max(minJudged, g.features+g.operations.size()+g.calls.size()+g.dependencies.size()+e.lines.size()+e.series.size()))
}

const (
	// windowsUntilFalse is how many independent windows of three minutes there
	// are in three weeks.
	windowsUntilFalse = 21 * 24 * 20
	// minJudged keeps an engine that has hardly begun from being rash.
	minJudged = 100
)
