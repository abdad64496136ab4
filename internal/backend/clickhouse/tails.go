// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"context"
	"strings"
	"time"

	"github.com/tapio/tapio/internal/backend/following"
	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/query"
)

// lateness is how long after its turn a row may become visible, for an insert takes its
// time. Without the column InsertedAt it is how late rows may arrive.
const lateness, latenessOfEvents = model.Nanos(5 * time.Second), model.Nanos(time.Minute)

// tails are what all tails share.
func (r *connection) tails() following.Options {
	return following.Options{ServerNow: r.now, Now: r.Now, Interval: r.PollInterval, Epoch: r.epoch, Places: &r.places}
}

// late returns how late rows of the table that of chooses may be.
func (r *connection) late(ctx context.Context, of func(*statement) model.Nanos) (model.Nanos, error) {
	s, err := r.begin(ctx)
	if err != nil {
		return 0, err
	}
	return of(s), nil
}

// arrival is the column by which tails follow a table.
func (f *source) arrival() string {
	if f.inserted {
		return insertedAt
	}
	return f.at
}

// lateness is how late rows of a table may be.
func (f *source) lateness() model.Nanos {
	if f.inserted {
		return lateness
	}
	return latenessOfEvents
}

// arrivedBehind returns the conditions that rows arrived behind a place.
func (s *statement) arrivedBehind(f *source, key following.Key) []string {
	column := f.arrival()
	return []string{
		column + " >= " + s.time(key.Arrival),
		"(" + nanos(column) + ", " + nanos(f.at) + ", " + f.seq + ") > (" + s.integer(int64(key.Arrival)) + ", " + s.integer(int64(key.At)) + ", " + s.unsigned(key.Seq) + ")",
	}
}

// byArrival is the order of arrival of the selected columns.
func (f *source) byArrival(s *statement, limit int) string {
	column := "inserted"
	if !f.inserted {
		column = "at"
	}
	return " ORDER BY " + column + ", at, seq LIMIT " + s.limit(limit) + " WITH TIES"
}

// keyOf returns the place of a row.
func (f *source) keyOf(at model.Nanos, seq uint64, inserted model.Nanos) following.Key {
	if !f.inserted {
		inserted = at
	}
	return following.Key{Arrival: inserted, At: at, Seq: seq}
}

// bounded is a filter for what had arrived until some time, and the place to read it from.
func bounded(f *source, epoch uint64, filter model.Filter, paging model.Paging, since, until model.Nanos) (model.Filter, model.Paging) {
	filter.Time.Start = max(filter.Time.Start, since)
	if !f.inserted && (filter.Time.End == 0 || filter.Time.End > until+1) {
		filter.Time.End = until + 1
	}
	if paging.After.IsZero() {
		paging.After = model.BeginOf(epoch, uint64(until), paging.Ascending)
	}
	paging.After.Snapshot = uint64(until)
	return filter, paging
}

// TailEvents implements query.Tailer.
func (r *Reader) TailEvents(ctx context.Context, q model.EventQuery, start model.Start) query.Tail[model.Event] {
	return &identified{Tail: r.TailRecords(ctx, q, start), reader: r}
}

// identified gives the records of a tail their IDs.
type identified struct {
	query.Tail[model.Event]
	reader *Reader
}

// Poll implements query.Tail.
func (i *identified) Poll(most int) ([]model.Event, model.Loss, bool) {
	rows, loss, more := i.Tail.Poll(most)
	for at := range rows {
		i.reader.Identify(&rows[at])
	}
	return rows, loss, more
}

// TailRecords implements query.Tailer.
func (r *Reader) TailRecords(_ context.Context, q model.EventQuery, start model.Start) query.Tail[model.Event] {
	return following.New(r.tails(), start, following.How[model.Event]{
		Late: func(ctx context.Context) (model.Nanos, error) {
			return r.late(ctx, func(s *statement) model.Nanos { return s.logs().lateness() })
		},
		Page: func(ctx context.Context, paging model.Paging, since, until model.Nanos) (page model.Page[model.Event], err error) {
			s, err := r.begin(ctx)
			if err != nil {
				return page, err
			}
			one := q
			one.Filter, one.Paging = bounded(s.logs(), r.epoch, q.Filter, paging, since, until)
			return r.QueryEvents(ctx, one)
		},
		Arrivals: func(ctx context.Context, behind following.Key, limit int, use func(following.Arrived[model.Event])) (n int, err error) {
			s, err := r.begin(ctx)
			if err != nil {
				return 0, err
			}
			f := s.logs()
			if !s.schema.exists(f.table) {
				return 0, nil
			}
			sql := "SELECT " + eventColumns(f) + " FROM " + f.from(s.reader) + " WHERE " + all(append(s.events(f, &q), s.arrivedBehind(f, behind)...)) + f.byArrival(s, limit)
			err = s.eachEvent(ctx, sql, func(e *model.Event, inserted model.Nanos) error {
				n++
				use(following.Arrived[model.Event]{Row: *e, Key: f.keyOf(e.Time, e.Seq, inserted)})
				return nil
			})
			return n, err
		},
		Place: func(e *model.Event) (model.Nanos, uint64) { return e.Time, e.Seq },
		Size:  (*model.Event).AnswerSize,
	})
}

// TailSpans implements query.Tailer.
func (r *Reader) TailSpans(_ context.Context, q model.TraceQuery, start model.Start) query.Tail[model.Span] {
	return following.New(r.tails(), start, following.How[model.Span]{
		Late: func(ctx context.Context) (model.Nanos, error) {
			return r.late(ctx, func(s *statement) model.Nanos { return s.traces().lateness() })
		},
		Page: func(ctx context.Context, paging model.Paging, since, until model.Nanos) (page model.Page[model.Span], err error) {
			s, err := r.begin(ctx)
			if err != nil {
				return page, err
			}
			one := q
			one.Filter, one.Paging = bounded(s.traces(), r.epoch, q.Filter, paging, since, until)
			return s.pageOfSpans(ctx, &one)
		},
		Arrivals: func(ctx context.Context, behind following.Key, limit int, use func(following.Arrived[model.Span])) (n int, err error) {
			s, err := r.begin(ctx)
			if err != nil {
				return 0, err
			}
			f := s.traces()
			if !s.schema.exists(f.table) {
				return 0, nil
			}
			sql := "SELECT " + spanColumns(f) + " FROM " + f.from(s.reader) + " WHERE " + all(append(s.spans(f, &q), s.arrivedBehind(f, behind)...)) + f.byArrival(s, limit)
			err = s.eachSpan(ctx, sql, func(span *model.Span, inserted model.Nanos) error {
				n++
				use(following.Arrived[model.Span]{Row: *span, Key: f.keyOf(span.Start, span.Seq, inserted)})
				return nil
			})
			return n, err
		},
		Place: func(s *model.Span) (model.Nanos, uint64) { return s.Start, s.Seq },
		Size:  (*model.Span).AnswerSize,
	})
}

// TailPoints implements query.Tailer.
func (r *Reader) TailPoints(_ context.Context, q model.PointQuery, start model.Start) query.Tail[model.Point] {
	return following.New(r.tails(), start, following.How[model.Point]{
		Late: func(ctx context.Context) (model.Nanos, error) {
			return r.late(ctx, func(s *statement) model.Nanos {
				for _, table := range s.metricTables() {
					return table.lateness()
				}
				return lateness
			})
		},
		Page: func(ctx context.Context, paging model.Paging, since, until model.Nanos) (page model.Page[model.Point], err error) {
			s, err := r.begin(ctx)
			if err != nil {
				return page, err
			}
			one := q
			one.Filter, one.Paging = q.Filter, paging
			for _, table := range s.metricTables() {
				one.Filter, one.Paging = bounded(table.source, r.epoch, q.Filter, paging, since, until)
			}
			return r.QueryPoints(ctx, one)
		},
		Arrivals: func(ctx context.Context, behind following.Key, limit int, use func(following.Arrived[model.Point])) (n int, err error) {
			s, err := r.begin(ctx)
			if err != nil {
				return 0, err
			}
			var selects []string
			var f *source
			for _, table := range s.metricTables() {
				f = table.source
				selects = append(selects, "SELECT "+table.columns()+" FROM "+table.from(s.reader)+" WHERE "+
					all(append(s.points(table.source, q.Names, &q.Filter), s.arrivedBehind(table.source, behind)...)))
			}
			if f == nil {
				return 0, nil
			}
			sql := "SELECT * FROM (" + strings.Join(selects, " UNION ALL ") + ")" + f.byArrival(s, limit)
			err = s.eachPoint(ctx, sql, func(p *model.Point, inserted model.Nanos) error {
				n++
				use(following.Arrived[model.Point]{Row: *p, Key: f.keyOf(p.Time, p.Seq, inserted)})
				return nil
			})
			return n, err
		},
		Place: func(p *model.Point) (model.Nanos, uint64) { return p.Time, p.Seq },
		Size:  (*model.Point).AnswerSize,
	})
}
