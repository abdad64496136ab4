// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package following

import (
	"cmp"
	"sync"

	"github.com/tapio/tapio/internal/model"
)

// keptPlaces is how many places of tails are remembered.
const keptPlaces = 4096

// place is where a tail goes on behind a row.
type place struct {
	begun  model.Nanos
	cursor model.Cursor // of the pages of the past; zero behind them
	live   Key
}

// Places remembers where tails were, by the sequence of a row. The zero Places is empty.
type Places struct {
	mu    sync.Mutex
	at    map[uint64]place
	order []uint64
	next  int
}

func (p *Places) note(seq uint64, at place) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.at == nil {
		p.at = map[uint64]place{}
	}
	if _, known := p.at[seq]; !known {
		if len(p.order) < keptPlaces {
			p.order = append(p.order, seq)
		} else {
			delete(p.at, p.order[p.next])
			p.order[p.next], p.next = seq, (p.next+1)%keptPlaces
		}
	}
	p.at[seq] = at
}

func (p *Places) of(seq uint64) (place, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	at, known := p.at[seq]
	return at, known
}

// compareKeys is the order of arrival.
func compareKeys(a, b Key) int {
	return cmp.Or(cmp.Compare(a.Arrival, b.Arrival), cmp.Compare(a.At, b.At), cmp.Compare(a.Seq, b.Seq))
}
