// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package learned

// Model scores each bucket of an entity by how unlike the buckets before it is. It may
// use those before only. Scores below 0 are for buckets that nothing can be said of yet.
type Model struct {
	Name string
	// Thresholds are the scores from which a bucket is an anomaly, from the most
	// sensitive one on.
	Thresholds []float64
	score      func([]vector) []float64
}

const (
	// learn is how many buckets a model learns from before its first answer: 20 minutes.
	learn = 120
	// again is after how many buckets a model learns once more: 30 minutes.
	again = 180
	// history is the most buckets that a model learns from: four hours.
	history = 1440
)

// Models returns all there are.
func Models() []Model {
	return []Model{
		{"isolation forest", []float64{0.54, 0.56, 0.58, 0.60, 0.62, 0.65, 0.70}, forestScores},
		{"matrix profile", []float64{2, 3, 4, 6, 8, 12, 16}, discordScores},
		{"distance from the median", []float64{3, 4, 6, 8, 12, 16, 24}, medianScores},
	}
}

// medianScores is the largest distance from the median of the last hours, by dimension.
// More requests, and shorter durations, are no anomaly.
func medianScores(list []vector) []float64 {
	scores := make([]float64, len(list))
	var s spread
	for i := range list {
		if i < learn {
			scores[i] = -1
			continue
		}
		if (i-learn)%again == 0 {
			s = spreadOf(list[max(0, i-history):i])
		}
		v := s.scaled(list[i])
		scores[i] = max(-v[0], v[1], v[2], v[3], 0)
	}
	return scores
}
