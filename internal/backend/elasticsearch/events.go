// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package elasticsearch

import (
	"context"
	"errors"
	"math"
	"strconv"
	"strings"

	"github.com/tapio/tapio/internal/backend/following"
	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/query"
)

// QueryEvents implements query.EventReader.
func (r *Reader) QueryEvents(ctx context.Context, q model.EventQuery) (page model.Page[model.Event], err error) {
	if err := r.checkCursor(q.Paging.After); err != nil {
		return page, err
	}
	p := pager{paging: q.Paging, epoch: r.epoch}
	way := walk{ascending: q.Paging.Ascending, want: max(q.Paging.Limit, 1)}
	if after := q.Paging.After; after.Seq != 0 && after.Time != math.MaxUint64 {
		way.from = place{after.Time, after.Seq}
		p.skip, _ = strconv.Atoi(after.State) // 0 for none
		way.want += p.skip
	}
	err = r.each(ctx, &q, way, func(e *model.Event) error {
		if !p.add(e) {
			return errEnough
		}
		return nil
	})
	var exhausted *model.ExhaustedError
	switch {
	case err == nil, errors.Is(err, errEnough):
	case errors.As(err, &exhausted) && len(p.page.Rows) > 0: // the next page goes on
		p.full = true
	default:
		return model.Page[model.Event]{}, err
	}
	return p.result(), nil
}

// pager cuts a page out of records that come in order.
type pager struct {
	page   model.Page[model.Event]
	paging model.Paging
	epoch  uint64
	skip   int // records at the first place that were returned before
	bytes  int
	next   model.Cursor
	full   bool
}

// add adds a record. It returns false once the page is full.
func (p *pager) add(e *model.Event) bool {
	if p.skip > 0 && e.Time == p.paging.After.Time && e.Seq == p.paging.After.Seq {
		p.skip--
		p.pass(e)
		return true
	}
	size := e.AnswerSize()
	if n := len(p.page.Rows); n > 0 && (n >= max(p.paging.Limit, 1) || p.paging.MaxBytes > 0 && p.bytes+size > p.paging.MaxBytes) {
		p.full = true
		return false
	}
	p.page.Rows = append(p.page.Rows, *e)
	p.bytes += size
	p.pass(e)
	return true
}

// pass moves the place of the next page behind a record, counting those of one place.
func (p *pager) pass(e *model.Event) {
	passed := 1
	if e.Time == p.next.Time && e.Seq == p.next.Seq {
		n, _ := strconv.Atoi(p.next.State)
		passed += n
	}
	p.next = model.Cursor{Epoch: p.epoch, Time: e.Time, Seq: e.Seq, State: strconv.Itoa(passed)}
}

// result returns the page.
func (p *pager) result() model.Page[model.Event] {
	if p.full {
		p.page.Next = p.next
	}
	p.page.Begin = model.BeginOf(p.epoch, 0, p.paging.Ascending)
	return p.page
}

// idPrefix begins the IDs of records that brought none along: those of their documents.
const idPrefix = "es-"

// identify sets the ID of a record.
func identify(e *model.Event, document string) {
	if e.ID = e.UID(); e.ID == "" {
		e.ID = idPrefix + document
	}
}

// Identify implements query.EventReader. Every record has its ID already.
func (r *Reader) Identify(*model.Event) {}

// EventByID implements query.EventReader.
func (r *Reader) EventByID(ctx context.Context, id string) (event model.Event, found bool, err error) {
	if err := ctx.Err(); err != nil {
		return event, false, err
	}
	selects := exactly(object{"term": object{ofRecord + model.UIDKey: object{"value": id}}})
	if document, made := strings.CutPrefix(id, idPrefix); made {
		selects = anyOf(selects, exactly(object{"ids": object{"values": []string{document}}}))
	}
	answer, err := r.search(ctx, &searchBody{
		Query: selects.clause, Size: 1, Sort: []object{
			{timeField: object{"order": "desc", "numeric_type": "date", "unmapped_type": "date"}}, {sequenceField: object{"order": "desc"}},
		},
	})
	if err != nil || len(answer.Hits.Hits) == 0 {
		return event, false, err
	}
	event, err = newOrigins().event(&answer.Hits.Hits[0])
	return event, err == nil, err
}

// TailEvents implements query.Tailer.
func (r *Reader) TailEvents(ctx context.Context, q model.EventQuery, start model.Start) query.Tail[model.Event] {
	return r.TailRecords(ctx, q, start)
}

// TailRecords implements query.Tailer. Records have no time of arrival, so that tails go by
// their time, and find those that arrive no later than Lateness.
func (r *Reader) TailRecords(_ context.Context, q model.EventQuery, start model.Start) query.Tail[model.Event] {
	options := following.Options{ServerNow: r.now, Now: r.Now, Interval: r.PollInterval, Epoch: r.epoch, Places: &r.places}
	return following.New(options, start, following.How[model.Event]{
		Late: func(context.Context) (model.Nanos, error) { return model.Nanos(r.Lateness), nil },
		Page: func(ctx context.Context, paging model.Paging, since, until model.Nanos) (model.Page[model.Event], error) {
			one := q
			one.Paging, one.Filter.Time.Start = paging, max(q.Filter.Time.Start, since)
			if end := one.Filter.Time.End; end == 0 || end > until+1 {
				one.Filter.Time.End = until + 1
			}
			return r.QueryEvents(ctx, one)
		},
		Arrivals: func(ctx context.Context, behind following.Key, limit int, use func(following.Arrived[model.Event])) (n int, err error) {
			one := q
			one.Filter.Time.Start = max(q.Filter.Time.Start, behind.Arrival)
			last := following.Key{}
			err = r.each(ctx, &one, walk{ascending: true, from: place{behind.At, behind.Seq}, want: limit}, func(e *model.Event) error {
				key := following.Key{Arrival: e.Time, At: e.Time, Seq: e.Seq}
				if key == behind {
					return nil
				}
				if n >= limit && key != last {
					return errEnough
				}
				n, last = n+1, key
				use(following.Arrived[model.Event]{Row: *e, Key: key})
				return nil
			})
			if errors.Is(err, errEnough) {
				err = nil
			}
			return n, err
		},
		Place: func(e *model.Event) (model.Nanos, uint64) { return e.Time, e.Seq },
		Size:  (*model.Event).AnswerSize,
	})
}
