// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package learned

import (
	"cmp"
	"maps"
	"slices"
)

const (
	// persistent of the last recent buckets are anomalies before an entity counts.
	persistent, recent = 3, 4
	// over is after how many buckets without an anomaly an incident is over.
	over = 12
	// look is how many buckets after its begin the cause of an incident is named.
	look = 6
)

// Incident is what a model found.
type Incident struct {
	// From and To are event times in nanoseconds; From is when it is known.
	From, To int64
	// Causes are entities, the most likely one first.
	Causes []string
}

// Scores are those of all entities by one model.
type Scores struct {
	measures *Measures
	by       map[string][]float64
	buckets  int
}

// Score lets a model look at all entities until an event time.
func (m *Measures) Score(by Model, end int64) *Scores {
	s := &Scores{m, map[string][]float64{}, int((end - m.start) / Bucket)}
	for name, of := range m.entities {
		s.by[name] = by.score(of.series(s.buckets))
	}
	return s
}

// Incidents are those of a threshold: from the first entity that persists in it until
// no one does for two minutes.
func (s *Scores) Incidents(threshold float64) []Incident {
	var list []Incident
	quiet := over
	for i := range s.buckets {
		if len(s.anomalous(threshold, i)) == 0 {
			quiet++
			continue
		}
		if quiet >= over {
			list = append(list, Incident{From: s.at(i + 1), Causes: s.causes(threshold, i)})
		}
		quiet = 0
		list[len(list)-1].To = s.at(i + 1)
	}
	return list
}

func (s *Scores) at(bucket int) int64 { return s.measures.start + int64(bucket)*Bucket }

// anomalous are the entities that persist above a threshold at a bucket.
func (s *Scores) anomalous(threshold float64, at int) map[string]float64 {
	found := map[string]float64{}
	for name, scores := range s.by {
		n, most := 0, 0.0
		for i := max(0, at-recent+1); i <= at; i++ {
			if scores[i] >= threshold {
				n++
				most = max(most, scores[i])
			}
		}
		if n >= persistent {
			found[name] = most
		}
	}
	return found
}

// causes are the anomalous entities of the first minute of an incident: those first of
// which no callee is anomalous, and of these those with the highest score.
func (s *Scores) causes(threshold float64, at int) []string {
	found := map[string]float64{}
	for i := at; i < min(at+look, s.buckets); i++ {
		for name, score := range s.anomalous(threshold, i) {
			found[name] = max(found[name], score)
		}
	}
	explained := func(name string) int {
		for callee := range s.measures.calls[name] {
			if _, also := found[callee]; also {
				return 1
			}
		}
		return 0
	}
	return slices.SortedFunc(maps.Keys(found), func(a, b string) int {
		return cmp.Or(cmp.Compare(explained(a), explained(b)), -cmp.Compare(found[a], found[b]), cmp.Compare(a, b))
	})
}
