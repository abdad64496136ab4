// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package baseline

import "math"

const (
	// AlarmStrength is a strength from which an anomaly may open an incident. Its probability by chance
	// is 1 in 10^8, by the chi-squared distribution with one degree of freedom: with ten thousand
	// quantities judged every five seconds that is about one false alarm a day at worst, and fewer
	// because a magnitude is required too. The engine raises it with the number
	// of quantities that it judges.
	AlarmStrength = 33
	// HintStrength is the strength from which an anomaly supports an open incident: a probability by
	// chance of one in a thousand.
	HintStrength = 10.8
	// NoAlarm is the largest strength of an anomaly that may support an incident but not open one.
	NoAlarm = AlarmStrength - 1
	// MaxStrength caps the strength: beyond it the assumptions of the test are less certain than its
	// result.
	MaxStrength = 100
)

// StrengthOf returns the strength that chance alone exceeds with this probability.
func StrengthOf(probability float64) float64 {
	root := math.Erfcinv(probability)
	return 2 * root * root
}
