// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package world

import "math"

// load is how many requests users send, by the hour and the day.
type load struct {
	rate, depth float64
	peak        float64 // hour of the day
	weekend     float64
	wander      float64 // slow, random
}

func newLoad(c chance, rate float64, _ Settings) *load {
	return &load{rate: rate, depth: c.between(0.2, 0.75), peak: c.between(10, 20), weekend: c.between(0.3, 1.1)}
}

const (
	second = int64(1e9)
	minute = 60 * second
	hour   = 60 * minute
	day    = 24 * hour
)

// at is the rate at a time.
func (l *load) at(t int64) float64 {
	hours := float64(t%day) / float64(hour)
	factor := 1 + l.depth*math.Cos((hours-l.peak)/24*2*math.Pi)
	// 1970-01-01 was a Thursday.
	if weekday := (t/day + 4) % 7; weekday == 0 || weekday == 6 {
		factor *= l.weekend
	}
	return l.rate * factor * math.Exp(l.wander)
}

// step lets the load wander for a second.
func (l *load) step(c chance) {
	const relax = 1.0 / 600
	l.wander += -l.wander*relax + 0.15*math.Sqrt(2*relax)*c.NormFloat64()
}
