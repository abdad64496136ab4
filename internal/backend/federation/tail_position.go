// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package federation

import (
	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/query"
)

// positions are how far the members have been read: the rows that wait here were not.
func (t *tail[Row]) positions() map[uint64]uint64 {
	all := make(map[uint64]uint64, len(t.members))
	for _, p := range t.members {
		at := p.tail.Position()
		if len(p.list) > 0 {
			at = min(at, t.seq(&p.list[0])>>memberBits-1)
		}
		if at > 0 || len(p.list) > 0 { // else nothing of the member is known
			all[p.member.number] = at
		}
	}
	return all
}

// Bound implements query.Tail.
func (t *tail[Row]) Bound(bytes int) {
	for _, p := range t.members {
		p.tail.Bound(max(bytes/max(len(t.members), 1), 1))
	}
}

// Skip implements query.Tail.
func (t *tail[Row]) Skip() (loss model.Loss) {
	for _, p := range t.members {
		if !p.failed {
			loss.Count += p.tail.Skip().Count
		}
		loss.Count += uint64(len(p.list)) + p.loss.Count
		p.list, p.loss, p.more = nil, model.Loss{}, false
	}
	loss.Count += uint64(len(t.kept))
	t.kept, t.past = nil, false
	return loss
}

// Position implements query.Tail. Before the first row it is the place of the member
// that has come furthest, so that a stream that goes on there repeats nothing old.
func (t *tail[Row]) Position() uint64 {
	if t.position != 0 || t.past {
		return t.position
	}
	positions := t.positions()
	for number, at := range positions {
		t.position = max(t.position, at<<memberBits|number)
	}
	t.reader.resumes.note(t.position, positions)
	return t.position
}

// Notes implements query.Noted.
func (t *tail[Row]) Notes() (notes []query.Note) {
	notes, t.notes = t.notes, nil
	return notes
}
