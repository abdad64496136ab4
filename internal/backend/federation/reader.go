// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package federation

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/query"
)

// MaxMembers is the most members of a federation, those that are gone included: the
// sequences of records hold the number of their member.
const MaxMembers = 1 << memberBits

const (
	memberBits = 12
	memberMask = MaxMembers - 1
)

// Member is one reader of a federation.
type Member struct {
	// Name is unique, and what notes report about.
	Name   string
	Reader query.Reader
}

// Options are how a federation works.
type Options struct {
	// ID is of this federation: a loop of members that ends in it is noted, any other
	// one is an error, so that the federation where it ends answers without the loop.
	ID string
	// Timeout is how long a member may take for one call.
	Timeout time.Duration
	// Calls is how many calls one member answers at once; more of them wait.
	Calls int
	// QueryMemory is what one query may hold of rows, in bytes.
	QueryMemory int64
	// Panicked is called with each panic that was recovered.
	Panicked func(err error)
	Now      func() time.Time
}

// Reader implements query.Reader from its members.
type Reader struct {
	Options
	started time.Time
	resumes *resumes

	mu      sync.RWMutex
	members []*member
	numbers map[string]uint64 // of all members there have been
}

// member is a reader and what bounds its use.
type member struct {
	Member
	number uint64
	calls  chan struct{} // holds one for each call under way
	breaker
}

var _ query.Reader = (*Reader)(nil)

// New makes a federation without members.
func New(options Options) *Reader {
	return &Reader{Options: options, started: options.Now(), resumes: &resumes{}, numbers: map[string]uint64{}}
}

// TakeOver makes the sequences and tokens of an earlier reader of the same local store
// valid here. It MUST be called before SetMembers.
func (r *Reader) TakeOver(earlier *Reader) {
	earlier.mu.RLock()
	defer earlier.mu.RUnlock()
	r.started, r.resumes, r.numbers = earlier.started, earlier.resumes, maps.Clone(earlier.numbers)
}

// SetMembers replaces the members. Those of a name that is known go on as they are. It
// returns the names for which there is no number left.
func (r *Reader) SetMembers(members []Member) (refused []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	known := map[string]*member{}
	for _, m := range r.members {
		known[m.Name] = m
	}
	r.members = nil
	for _, one := range members {
		m := known[one.Name]
		if m == nil || m.Reader != one.Reader {
			number, numbered := r.numbers[one.Name]
			if !numbered {
				if number = uint64(len(r.numbers)); number > memberMask {
					refused = append(refused, one.Name)
					continue
				}
				r.numbers[one.Name] = number
			}
			m = &member{Member: one, number: number, calls: make(chan struct{}, max(r.Calls, 1))}
		}
		r.members = append(r.members, m)
	}
	return refused
}

// drop leaves a member out until the members are set again.
func (r *Reader) drop(one *member) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.members = slices.DeleteFunc(slices.Clone(r.members), func(m *member) bool { return m == one })
}

// all returns the members.
func (r *Reader) all() []*member {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.members
}

// Started implements query.Reader.
func (r *Reader) Started() time.Time { return r.started }

// Epoch implements query.Reader.
func (r *Reader) Epoch() uint64 { return uint64(r.started.UnixNano()) | 1 }

// mark makes the sequence of a record that of the federation.
func (m *member) mark(seq uint64) uint64 {
	if seq == 0 {
		return 0
	}
	return seq<<memberBits | m.number
}

// markAll gives records the sequences of the federation.
func (m *member) markAll(rows []model.Event) []model.Event {
	marked := make([]model.Event, len(rows))
	for i := range rows {
		marked[i] = rows[i]
		marked[i].Seq = m.mark(rows[i].Seq)
	}
	return marked
}

// Identify implements query.EventReader.
func (r *Reader) Identify(e *model.Event) {
	if e.ID != "" {
		return
	}
	for _, m := range r.all() {
		if m.number == e.Seq&memberMask {
			seq := e.Seq
			e.Seq >>= memberBits
			m.Reader.Identify(e)
			e.Seq = seq
			return
		}
	}
}

// EventByID implements query.EventReader.
func (r *Reader) EventByID(ctx context.Context, id string) (model.Event, bool, error) {
	answers, err := ask(ctx, r, func(ctx context.Context, m *member) (*model.Event, error) {
		event, found, err := m.Reader.EventByID(ctx, id)
		if !found || err != nil {
			return nil, err
		}
		event.Seq = m.mark(event.Seq)
		return &event, nil
	})
	if err != nil {
		return model.Event{}, false, err
	}
	var newest *model.Event
	for _, a := range answers {
		if a.value != nil && (newest == nil || a.value.When() > newest.When()) {
			newest = a.value
		}
	}
	if newest == nil {
		return model.Event{}, false, nil
	}
	return *newest, true, nil
}
