// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package federation

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/panics"
	"github.com/tapio/tapio/internal/query"
)

// tail follows the tails of all members. Rows that were stored when it was made come in
// the order of their time, later ones as they arrive.
type tail[Row any] struct {
	reader  *Reader
	members []*part[Row]
	when    func(*Row) model.Nanos
	mark    func(m *member, rows []Row) []Row
	seq     func(*Row) uint64
	// deadline is when members that have not sent what they stored are late.
	deadline time.Time
	last     int // of the past only so many rows count; 0: all
	kept     []Row
	past     bool // rows of the past are merged
	position uint64
	notes    []query.Note
}

// part is the tail of one member.
type part[Row any] struct {
	member *member
	tail   query.Tail[Row]
	more   bool // rows of the past are still to come
	list   []Row
	loss   model.Loss
	failed bool
	err    error // why it failed, until it is reported
}

// ahead is how many rows of a member are read before their turn.
const ahead = 256

// newTail makes a tail of those that open makes.
func newTail[Row any](
	r *Reader, start model.Start, when func(*Row) model.Nanos, mark func(*member, []Row) []Row, seq func(*Row) uint64,
	open func(m *member, start model.Start) query.Tail[Row],
) *tail[Row] {
	t := &tail[Row]{reader: r, when: when, mark: mark, seq: seq, past: true, last: start.Last, deadline: r.Now().Add(r.Timeout)}
	for _, m := range r.all() {
		one, known := r.resumes.of(m, start)
		p := &part[Row]{member: m, tail: open(m, one), more: true}
		if !known {
			p.loss.Count = 1 // what was written meanwhile cannot be known
		}
		if err := m.isOpen(r.Now()); err != nil {
			p.late(t, err)
		}
		t.members = append(t.members, p)
	}
	return t
}

// Ready implements query.Tail: it waits for the first member that is ready.
func (t *tail[Row]) Ready(ctx context.Context) error {
	if t.mayPoll() {
		return ctx.Err()
	}
	waiting, cancel := context.WithCancel(ctx)
	defer cancel()
	if t.past {
		var stop context.CancelFunc
		waiting, stop = context.WithDeadline(waiting, t.deadline)
		defer stop()
	}
	var waits sync.WaitGroup
	for _, p := range t.members {
		if p.failed || t.past && (!p.more || len(p.list) > 0) {
			continue // the merge waits for others
		}
		waits.Go(func() {
			defer cancel()
			var err error
			if panicked := panics.Catch(func() { err = p.tail.Ready(waiting) }); panicked != nil {
				t.reader.Panicked(panicked)
				err = panicked
			}
			if err != nil && waiting.Err() == nil {
				p.fail(err)
			}
		})
	}
	<-waiting.Done()
	waits.Wait()
	for _, p := range t.members {
		if err := p.report(t); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// fail leaves a member out. Only the goroutine that waits for it calls it.
func (p *part[Row]) fail(err error) {
	p.failed, p.more, p.loss.Count = true, false, p.loss.Count+1
	p.err = err
}

// report notes why a member failed. A loop of members that ends elsewhere is an error.
func (p *part[Row]) report(t *tail[Row]) error {
	if p.err == nil {
		return nil
	}
	err := p.err
	p.err = nil
	loop, looped := errors.AsType[*query.LoopError](err)
	switch {
	case looped && loop.Self:
		t.reader.drop(p.member) // its records are those of the local member
		p.loss = model.Loss{}
	case looped && loop.Server != t.reader.ID:
		return loop
	default:
		t.notes = append(t.notes, query.Note{Source: p.member.Name, State: query.SourceFailed, Message: err.Error()})
	}
	return nil
}

// mayPoll reports whether Poll has something to return without waiting.
func (t *tail[Row]) mayPoll() bool {
	if len(t.kept) > 0 && !t.past || len(t.notes) > 0 {
		return true
	}
	waiting := false
	for _, p := range t.members {
		if t.past && p.more && len(p.list) == 0 {
			return false
		}
		waiting = waiting || len(p.list) > 0 || p.loss.Count > 0
	}
	return waiting || t.past
}

// Poll implements query.Tail.
func (t *tail[Row]) Poll(most int) (rows []Row, loss model.Loss, more bool) {
	t.read()
	if t.past {
		rows = t.merge(most)
	}
	if !t.past {
		rows = t.arrived(rows, most)
	}
	for _, p := range t.members {
		if p.loss.Count > 0 {
			loss.Count += p.loss.Count
			p.loss = model.Loss{}
		}
	}
	if len(rows) > 0 {
		t.position = t.seq(&rows[len(rows)-1])
		t.reader.resumes.note(t.position, t.positions())
	}
	return rows, loss, t.past || len(t.kept) > 0
}

// read takes what the members have.
func (t *tail[Row]) read() {
	late := !t.reader.Now().Before(t.deadline)
	for _, p := range t.members {
		if p.failed || len(p.list) > 0 {
			continue
		}
		rows, loss, more := p.tail.Poll(ahead)
		if len(rows) > 0 {
			p.member.answered()
		}
		p.list, p.loss.Count = t.mark(p.member, rows), p.loss.Count+loss.Count
		p.more = p.more && more
		if noted, ok := p.tail.(query.Noted); ok {
			for _, note := range noted.Notes() {
				if note.Source == "" { // else it is of a member of the member
					note.Source = p.member.Name
				}
				t.notes = append(t.notes, note)
			}
		}
		if p.more && late && len(p.list) == 0 && t.past {
			p.member.gaveUp(t.deadline, t.reader.Timeout, t.reader.Timeout)
			p.late(t, errLate)
		}
	}
}

// late leaves a member out of the order of the past: its rows come as they arrive.
func (p *part[Row]) late(t *tail[Row], err error) {
	p.more = false
	t.notes = append(t.notes, query.Note{Source: p.member.Name, State: query.SourceLate, Message: err.Error()})
}

// merge returns rows of the past in the order of their time, as far as it is known.
func (t *tail[Row]) merge(most int) (rows []Row) {
	for len(rows) < most {
		var first *part[Row]
		for _, p := range t.members {
			if len(p.list) == 0 && p.more {
				return rows // an earlier one may come
			}
			if len(p.list) > 0 && (first == nil || t.when(&p.list[0]) < t.when(&first.list[0])) {
				first = p
			}
		}
		if first == nil {
			t.past = false
			return rows
		}
		if t.last == 0 {
			rows = append(rows, first.list[0])
		} else {
			t.keep(first.list[0])
		}
		if first.list = first.list[1:]; len(first.list) == 0 {
			t.read()
		}
	}
	return rows
}

// keep holds the last rows of the past.
func (t *tail[Row]) keep(row Row) {
	if t.kept = append(t.kept, row); len(t.kept) >= 2*t.last {
		t.kept = append(t.kept[:0], t.kept[len(t.kept)-t.last:]...)
	}
}

// arrived adds the rows that the past ended with, then those that arrived.
func (t *tail[Row]) arrived(rows []Row, most int) []Row {
	if extra := len(t.kept) - t.last; extra > 0 && t.last > 0 {
		t.kept = t.kept[extra:]
	}
	t.last = 0
	n := min(most-len(rows), len(t.kept))
	rows, t.kept = append(rows, t.kept[:n]...), t.kept[n:]
	for _, p := range t.members {
		n := min(most-len(rows), len(p.list))
		rows, p.list = append(rows, p.list[:n]...), p.list[n:]
	}
	return rows
}
