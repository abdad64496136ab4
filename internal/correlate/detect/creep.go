// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package detect

import "math"

// creepStrength is that of the line against no change: of as many values as there are
// hours.
func creepStrength(hours int, fit float64) float64 {
	return -float64(hours) * math.Log1p(-min(fit, 0.999)) * 2
}

// Creep finds what has been taking longer hour by hour, though never by enough to
// leave the range of the last one.
type Creep struct{}

// Detect implements Detector.
func (Creep) Detect(v View) []Anomaly {
	var list []Anomaly
	for r := range v.Runs() {
		if r.Drift == nil {
			continue
		}
		hours, from, to, fit, ok := r.Drift.Rising()
		if !ok || math.Expm1(to)-math.Expm1(from) < leastMillis {
			continue
		}
		list = append(list, Anomaly{
			Kind: KindCreep, Of: r, Blamed: r.Service, Strength: creepStrength(hours, fit), Share: 1, Before: from, After: to, Hours: hours,
		})
	}
	return list
}
