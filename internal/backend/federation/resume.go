// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package federation

import (
	"sync"

	"github.com/tapio/tapio/internal/model"
)

// keptPositions is how many places of streams are remembered.
const keptPositions = 4096

// resumes remembers how far each member had been read where a client may go on: the
// sequence of a record names the place of one member only. The zero resumes is empty.
type resumes struct {
	mu    sync.Mutex
	at    map[uint64]map[uint64]uint64 // positions by the number of the member, by sequence
	order []uint64                     // a ring of the sequences
	next  int
}

// note remembers the positions behind a sequence.
func (r *resumes) note(seq uint64, positions map[uint64]uint64) {
	if seq == 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.at == nil {
		r.at = map[uint64]map[uint64]uint64{}
	}
	if before, known := r.at[seq]; known {
		// Another stream ended there, too: a row twice rather than a gap.
		for number, at := range before {
			if now, both := positions[number]; both {
				at = min(at, now)
			}
			positions[number] = at
		}
	} else {
		if len(r.order) < keptPositions {
			r.order = append(r.order, seq)
		} else {
			delete(r.at, r.order[r.next])
			r.order[r.next], r.next = seq, (r.next+1)%keptPositions
		}
	}
	r.at[seq] = positions
}

// of returns where the tail of a member begins; false if that is not where it had been
// read to, which is not known any more.
func (r *resumes) of(m *member, start model.Start) (one model.Start, known bool) {
	if !start.Resume || start.After == 0 {
		return start, true
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	positions, noted := r.at[start.After]
	switch at, found := positions[m.number]; {
	case found:
		return model.Start{Resume: true, After: at}, true
	case start.After&memberMask == m.number:
		return model.Start{Resume: true, After: start.After >> memberBits}, true
	default:
		return model.Start{}, noted // a member that was not there had sent nothing
	}
}
