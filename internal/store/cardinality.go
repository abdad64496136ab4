// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"math"
	"slices"
)

// sketchSize is how many of the smallest hashes are compared. Up to so many labels
// are counted exactly; more are estimated within some 3 %.
const sketchSize = 1024

// Cardinality reports how many different labels a signal holds, in its compacted rows.
type Cardinality struct {
	Signal string
	// Labels are the distinct labels with their values that the indexes know, names
	// of records and spans among them.
	Labels uint64
	// OpenKeys are the keys with so many values in one segment, or with values of
	// such a kind, that these are not indexed: sorted. A query for one of their
	// values looks at more records.
	OpenKeys []string
}

// Cardinality returns the figures of log records and spans. It compares the
// indexes of all segments, which takes milliseconds.
func (s *Store) Cardinality() []Cardinality {
	return []Cardinality{s.events.cardinality(), s.spans.cardinality()}
}

func (l *log[R]) cardinality() Cardinality {
	views, _ := l.views()
	var sketch sketch
	open := map[string]bool{}
	for i := range views {
		if views[i].segment != nil {
			sketch.add(views[i].segment.Labels.Hashes)
			views[i].segment.Labels.OpenKeys(open)
		}
	}
	c := Cardinality{Signal: l.signal.name, Labels: sketch.distinct()}
	for key := range open {
		c.OpenKeys = append(c.OpenKeys, key)
	}
	slices.Sort(c.OpenKeys)
	return c
}

// sketch is the smallest of many hashes. How close together they lie reports how
// many there are.
type sketch struct{ smallest []uint64 } // sorted

// add takes sorted hashes.
func (s *sketch) add(hashes []uint64) {
	merged := make([]uint64, 0, sketchSize)
	for a, b := s.smallest, hashes; len(merged) < sketchSize && len(a)+len(b) > 0; {
		var next uint64
		if len(b) == 0 || len(a) > 0 && a[0] <= b[0] {
			next, a = a[0], a[1:]
		} else {
			next, b = b[0], b[1:]
		}
		if len(merged) == 0 || merged[len(merged)-1] != next {
			merged = append(merged, next)
		}
	}
	s.smallest = merged
}

func (s *sketch) distinct() uint64 {
	n := len(s.smallest)
	if n < sketchSize {
		return uint64(n)
	}
	return uint64(float64(n-1) / (float64(s.smallest[n-1]) / math.MaxUint64))
}
