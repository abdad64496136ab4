// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package hotspot

import (
	"slices"
	"strings"

	"github.com/tapio/tapio/internal/model"
)

// unnamed is the number of stacks without a function name.
const unnamed = ^uint32(0)

// place numbers the stacks of one profile.
type place struct {
	profile    *model.Profile
	numbers    map[uint32]uint32 // by stack; many profiles may share a large dictionary
	generation int               // of the series
}

func (d *place) of(s *series, stack uint32) uint32 {
	if d.generation != s.generation {
		clear(d.numbers)
		d.generation = s.generation
	}
	if number, known := d.numbers[stack]; known {
		return number
	}
	frame := responsible(d.profile.Dictionary, d.profile.Dictionary.Stacks[stack])
	number := unnamed
	if frame != nil {
		number = s.number(Function{bounded(frame.Function), bounded(frame.File)})
		if number != unnamed {
			s.lines[number].vote(frame.Line)
		}
	}
	if d.generation != s.generation {
		clear(d.numbers)
		d.generation = s.generation
	}
	if frame == nil || number != unnamed { // for a function without a number there may be room later
		d.numbers[stack] = number
	}
	return number
}

func bounded(text string) string {
	if len(text) > maxText {
		text = text[:maxText]
	}
	return strings.ToValidUTF8(text, "")
}

// vote counts for a line; the one that has the majority stays.
func (l *line) vote(at int64) {
	switch {
	case at <= 0:
	case l.at == at:
		l.votes++
	case l.votes == 0:
		l.at, l.votes = at, 1
	default:
		l.votes--
	}
}

// number returns the number of a function, unnamed if too many are known.
func (s *series) number(f Function) uint32 {
	if number, known := s.numbers[f]; known {
		return number
	}
	if len(s.names) >= maxNames && !s.makeRoom() {
		return unnamed
	}
	number := uint32(len(s.names))
	f = Function{strings.Clone(f.Name), strings.Clone(f.File)}
	s.numbers[f] = number
	s.names = append(s.names, f)
	s.lines = append(s.lines, line{})
	s.texts += len(f.Name) + len(f.File)
	return number
}

// makeRoom forgets functions until a quarter of the names is free: those that no bucket
// has any more, then the cheapest of each. It reports whether a name is free.
func (s *series) makeRoom() bool {
	s.renumber()
	for most := perBucket; most > 0 && len(s.names) > maxNames*3/4; most /= 2 {
		for i, b := range s.list {
			if i == len(s.list)-1 {
				b.trim(most * (perOpen / 2 / perBucket)) // it is filled at the moment
			} else {
				b.trim(most)
			}
		}
		s.renumber()
	}
	return len(s.names) < maxNames
}

// renumber forgets the functions that no bucket has any more.
func (s *series) renumber() {
	used := make([]bool, len(s.names))
	for _, b := range s.list {
		for number := range b.costs {
			used[number] = true
		}
	}
	if !slices.Contains(used, false) {
		return
	}
	fresh := make([]uint32, len(s.names))
	names, lines := s.names, s.lines
	s.numbers, s.names, s.lines, s.texts = map[Function]uint32{}, nil, nil, 0
	s.generation++
	for number, f := range names {
		if used[number] {
			fresh[number] = uint32(len(s.names))
			s.numbers[f] = fresh[number]
			s.names, s.lines = append(s.names, f), append(s.lines, lines[number])
			s.texts += len(f.Name) + len(f.File)
		}
	}
	for _, b := range s.list {
		costs := make(map[uint32]cost, len(b.costs))
		for number, c := range b.costs {
			costs[fresh[number]] = c
		}
		b.costs = costs
	}
}
