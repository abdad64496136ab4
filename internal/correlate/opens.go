// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"slices"

	"github.com/tapio/tapio/internal/model"
)

// openingStrength is the most of what shows together with another sign, of these classes
// and without the signs that open no incident.
func (s *suspect) openingStrength(with *sign, list ...class) float64 {
	most := 0.0
	for _, g := range s.signs {
		if slices.Contains(list, g.key.class) && !g.supports && g.meets(with) {
			most = max(most, g.strength)
		}
	}
	return most
}

// setsInWithin is how far apart the onsets of two anomalies may be that support each other
// as one change: their dates are known to some slots.
const setsInWithin = 30 * model.Nanos(1e9)

// meets reports whether two signs set in at about the same time: two that are weak and
// come one after the other are two chances and no fault.
func (s *sign) meets(other *sign) bool {
	return max(s.onset, other.onset)-min(s.onset, other.onset) <= setsInWithin
}

// alarms reports whether the suspect is reason enough to open an incident: by
// one sign, or by signs of several classes, whose logarithms add up as they are
// seen by different means. Metrics are left out of the sum; see seriesSign.
func (s *suspect) alarms(at float64) bool {
	return slices.ContainsFunc(s.signs, func(g *sign) bool {
		if g.alarms(at) {
			return true
		}
		sum := s.openingStrength(g, classPath, classError) + s.openingStrength(g, classEdge) + s.openingStrength(g, classSelf)
		return g.telling() && !g.supports && sum >= at
	})
}
