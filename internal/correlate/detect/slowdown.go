// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package detect

import "math"

const (
	// leastShare is how many more of the runs must be slow: one of twenty, the share of
	// one node of twenty, or of a canary.
	leastShare = 0.05
	// leastRise and leastMillis: durations must rise by half, and by 20 ms, to matter to
	// anybody over a handful of calls.
	leastRise   = 0.405
	leastMillis = 20
)

// Slowdown finds runs of which more than usual take longer than nearly all did.
type Slowdown struct{}

// Detect implements Detector.
func (Slowdown) Detect(v View) []Anomaly {
	var list []Anomaly
	for r := range v.Runs() {
		if r.Tail == nil || !r.Tail.Ready() {
			continue
		}
		ch := r.Tail.Rise()
		share, usual := ch.After.Share(), ch.Before.Share()
		if ch.Ratio == 0 || share-usual < leastShare {
			continue
		}
		before, after := r.Tail.Center(), ch.After.Mean()
		if after-before < leastRise || math.Expm1(after)-math.Expm1(before) < leastMillis {
			continue
		}
		list = append(list, Anomaly{
			Kind: KindSlower, Of: r, Blamed: r.Service, Since: ch.Bucket, Strength: ch.Ratio,
			Share: share, Usual: usual, Before: before, After: after, Count: int(ch.After.Hits + 0.5),
			Expected: r.Habit != nil && r.Habit.Expects(ch.Bucket, after-before),
		})
	}
	return list
}
