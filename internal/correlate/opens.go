// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"slices"

	"github.com/tapio/tapio/internal/model"
)

// openingStrength is the largest strength of anomalies of these classes that began together with
// another one and may open an incident.
func (s *suspect) openingStrength(with *sign, list ...class) float64 {
	most := 0.0
	for _, g := range s.signs {
		if slices.Contains(list, g.key.class) && !g.supports && g.meets(with) {
			most = max(most, g.strength)
		}
	}
	return most
}

// setsInWithin is how far apart the onsets of two anomalies may be that support each other as one
// change: they are known to a few buckets.
const setsInWithin = 30 * model.Nanos(1e9)

// meets reports whether two anomalies began at about the same time. Two weak ones, one after the
// other, are more likely chance than a fault.
func (s *sign) meets(other *sign) bool {
	return max(s.onset, other.onset)-min(s.onset, other.onset) <= setsInWithin
}

// alarms reports whether the candidate is strong enough to open an incident: by one anomaly, or by
// anomalies of several classes, whose strengths add up because they are measured by different means.
// Metrics are not added; see seriesSign.
func (s *suspect) alarms(at float64) bool {
	return slices.ContainsFunc(s.signs, func(g *sign) bool {
		if g.alarms(at) {
			return true
		}
		sum := s.openingStrength(g, classPath, classError) + s.openingStrength(g, classEdge) + s.openingStrength(g, classSelf)
		return g.opening() && !g.supports && sum >= at
	})
}

// strengthOf is that of the strongest sign of these classes.
func (s *suspect) strengthOf(list ...class) float64 {
	most := 0.0
	for _, c := range list {
		if g := s.best[c]; g != nil {
			most = max(most, g.strength)
		}
	}
	return most
}
