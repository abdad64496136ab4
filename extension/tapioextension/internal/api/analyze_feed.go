// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/tapio/tapio/extension/tapioextension/internal/stream"
	"github.com/tapio/tapio/internal/correlate"
	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/otlp"
	"github.com/tapio/tapio/internal/query"
)

const (
	// disorder is how much later than others of its time a record may have arrived to be
	// shown in the order of time: exporters batch, and retry.
	disorder = model.Nanos(time.Minute)
	// maxDisorder is how many bytes of records of a signal are put in order at once.
	maxDisorder = 16 << 20
)

// feed is one signal on its way into an analysis, in the order of time.
type feed interface {
	// next returns the time of the next record; false at the end.
	next(ctx context.Context) (model.Nanos, bool, error)
	// showUntil shows the records up to the first of that time or later.
	showUntil(ctx context.Context, until model.Nanos) (shown int, err error)
}

// rows is the feed of one signal: a tail of what is stored, which is in the order of
// arrival.
type rows[R any] struct {
	tail query.Tail[R]
	when func(*R) model.Nanos
	size func(*R) int
	show func([]R)

	waiting []R // by time
	held    int // bytes that wait
	newest  model.Nanos
	ended   bool
}

// settled reports whether what comes next is not expected to be of an earlier time than the
// first that waits.
func (r *rows[R]) settled() bool {
	return r.ended || r.held >= maxDisorder || len(r.waiting) > 0 && r.when(&r.waiting[0])+disorder <= r.newest
}

func (r *rows[R]) fill(ctx context.Context) error {
	for !r.settled() {
		if err := ctx.Err(); err != nil {
			return err
		}
		came, _, more := r.tail.Poll(stream.TailRows)
		r.take(came)
		if r.ended = !more; len(came) > 0 || r.ended {
			continue
		}
		if err := r.tail.Ready(ctx); err != nil {
			return err
		}
	}
	return nil
}

// take puts rows that arrived where their time belongs.
func (r *rows[R]) take(came []R) {
	byTime := func(a, b R) int { return cmp.Compare(r.when(&a), r.when(&b)) }
	earliest, inOrder := r.newest, true
	for i := range came {
		t := r.when(&came[i])
		inOrder = inOrder && t >= r.newest
		earliest, r.newest = min(earliest, t), max(r.newest, t)
		r.held += r.size(&came[i])
	}
	from := len(r.waiting)
	if r.waiting = append(r.waiting, came...); inOrder {
		return
	}
	for from > 0 && r.when(&r.waiting[from-1]) > earliest {
		from--
	}
	slices.SortStableFunc(r.waiting[from:], byTime)
}

func (r *rows[R]) next(ctx context.Context) (model.Nanos, bool, error) {
	if err := r.fill(ctx); err != nil || len(r.waiting) == 0 {
		return 0, false, err
	}
	return r.when(&r.waiting[0]), true, nil
}

func (r *rows[R]) showUntil(ctx context.Context, until model.Nanos) (shown int, err error) {
	for {
		if err := r.fill(ctx); err != nil {
			return shown, err
		}
		n := 0
		for n < len(r.waiting) && r.when(&r.waiting[n]) < until {
			n++
		}
		if n == 0 {
			return shown, nil
		}
		for i := range r.waiting[:n] {
			r.held -= r.size(&r.waiting[i])
		}
		r.show(r.waiting[:n])
		shown += n
		r.waiting = r.waiting[n:]
	}
}

// observing shows an engine the log records that it looks at, but no findings: they
// are conclusions. It keeps the caller's list as it is.
func observing(engine *correlate.Engine) func(events []model.Event) {
	n := uint64(0)
	return func(events []model.Event) {
		list, interest := make([]model.Event, 0, len(events)), engine.Interest()
		for i := range events {
			if e := &events[i]; !otlp.IsFinding(e) && interest.Event(e, n) {
				list = append(list, *e)
			} else {
				engine.Saw(e.When(), e.When())
			}
			n++
		}
		engine.ObserveEvents(list)
	}
}
