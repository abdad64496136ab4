//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"cmp"
	"slices"
)

const (
	// decay is what remains of a program's score after an interval: those of the last
	// few intervals decide.
	decay = 0.8
	// overtake is how many times the score of the last named program another one needs
	// to take its place. Without the margin two alike would change places all the time.
	overtake = 2
	// maxScores bounds the programs that are compared.
	maxScores = 4096
)

// topPrograms chooses the programs that have series of their own: those that did
// most lately, at most so many. A program keeps its place until it is overtaken or
// does nothing for long.
type topPrograms struct {
	limit  int
	scores map[program]*score
	named  int
}

type score struct {
	value float64
	named bool
}

func newTopPrograms(limit int) topPrograms {
	return topPrograms{limit: limit, scores: map[program]*score{}}
}

// rank takes in what each program did in an interval.
func (t *topPrograms) rank(grown map[program]float64) {
	for _, s := range t.scores {
		s.value *= decay
	}
	for p, n := range grown {
		s, ok := t.scores[p]
		if !ok {
			if len(t.scores) >= maxScores && t.named >= t.limit {
				continue
			}
			s = &score{}
			t.scores[p] = s
		}
		s.value += n
	}
	t.drop()
	t.promote()
}

// drop forgets who has long done nothing.
func (t *topPrograms) drop() {
	const nothing = 1e-6
	for p, s := range t.scores {
		if s.value < nothing {
			if s.named {
				t.named--
			}
			delete(t.scores, p)
		}
	}
}

func (t *topPrograms) promote() {
	var named, others []*score
	for _, s := range t.scores {
		if s.named {
			named = append(named, s)
		} else {
			others = append(others, s)
		}
	}
	if len(others) == 0 {
		return
	}
	descending := func(a, b *score) int { return cmp.Compare(b.value, a.value) }
	slices.SortFunc(others, descending)
	slices.SortFunc(named, descending)
	for _, s := range others {
		switch {
		case t.named < t.limit:
			t.named++
		case len(named) > 0 && s.value > overtake*named[len(named)-1].value:
			named[len(named)-1].named = false
			named = named[:len(named)-1]
		default:
			return
		}
		s.named = true
	}
}

// has reports whether the program has series of its own.
func (t *topPrograms) has(p program) bool {
	s, ok := t.scores[p]
	return ok && s.named
}
