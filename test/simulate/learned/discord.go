// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package learned

import "math"

// The matrix profile of Yeh and others (2016), for streams: how far the last window is
// from the one most like it among all before. Windows are not normalised one by one, as
// a level that rises is what is looked for; dimensions are in spreads and averaged.
const (
	window = 12 // buckets: two minutes
	// apart is how many buckets a window must be before another one to be compared.
	apart = window
)

// discordScores is the distance of each window from its nearest neighbour before, over
// the median of these distances so far. It is 1 for a window like most others.
func discordScores(list []vector) []float64 {
	scores := make([]float64, len(list))
	scaled := make([]vector, len(list))
	var s spread
	var seen []float64
	middle := 0.0
	for i := range list {
		if i >= learn && (i-learn)%again == 0 {
			s = spreadOf(list[max(0, i-history):i])
			for n := max(0, i-history); n < i; n++ {
				scaled[n] = worse(s.scaled(list[n]))
			}
			middle = median(append([]float64(nil), seen...))
		}
		if i < learn {
			scores[i] = -1
			continue
		}
		scaled[i] = worse(s.scaled(list[i]))
		distance := nearest(scaled, i)
		seen = append(seen, distance)
		if len(seen) > history {
			seen = seen[1:]
		}
		if middle == 0 { // the first half hour has nothing to compare with
			scores[i] = -1
			continue
		}
		scores[i] = distance / max(middle, 0.5)
	}
	return scores
}

// nearest is the distance of the window that ends at i from the nearest one before.
func nearest(list []vector, i int) float64 {
	least := math.Inf(1)
	for end := max(window-1, i-history); end <= i-apart; end++ {
		sum := 0.0
		for n := 0; n < window && sum < least; n++ {
			a, b := &list[end-n], &list[i-n]
			for d := range dimensions {
				difference := a[d] - b[d]
				sum += difference * difference
			}
		}
		least = min(least, sum)
	}
	return math.Sqrt(least / (window * dimensions))
}
