// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"github.com/tapio/tapio/internal/model"
)

// readAll reads every point of a segment, so that one that is damaged panics now.
func (s *pointSegment) readAll() {
	seen := make([]bool, s.rows)
	var r seriesReader
	var p model.Point
	for at := range s.stretches {
		r.open(s, at, true)
		for range at.count {
			place := r.Read(&p)
			if seen[place] {
				panic("store: a segment is broken: two points have one place")
			}
			seen[place] = true
		}
	}
}
