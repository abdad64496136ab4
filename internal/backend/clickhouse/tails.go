// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"cmp"
	"context"
	"strings"
	"sync"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/query"
)

// keptPlaces is how many places of tails are remembered.
const keptPlaces = 4096

// place is where a tail goes on behind a row.
type place struct {
	begun  model.Nanos
	cursor model.Cursor // of the pages of the past; zero behind them
	live   rowKey
}

// places remembers where tails were, by the sequence of a row. The zero places is empty.
type places struct {
	mu    sync.Mutex
	at    map[uint64]place
	order []uint64
	next  int
}

func (p *places) note(seq uint64, at place) {
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

func (p *places) of(seq uint64) (place, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	at, known := p.at[seq]
	return at, known
}

func compareKeys(a, b rowKey) int {
	return cmp.Or(cmp.Compare(a.arrival, b.arrival), cmp.Compare(a.at, b.at), cmp.Compare(a.seq, b.seq))
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
func (s *statement) arrivedBehind(f *source, key rowKey) []string {
	column := f.arrival()
	return []string{
		column + " >= " + s.time(key.arrival),
		"(" + nanos(column) + ", " + nanos(f.at) + ", " + f.seq + ") > (" + s.integer(int64(key.arrival)) + ", " + s.integer(int64(key.at)) + ", " + s.unsigned(key.seq) + ")",
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
func (f *source) keyOf(at model.Nanos, seq uint64, inserted model.Nanos) rowKey {
	if !f.inserted {
		inserted = at
	}
	return rowKey{inserted, at, seq}
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
	return newTail(r.connection, start, tailing[model.Event]{
		late: func(s *statement) model.Nanos { return s.logs().lateness() },
		page: func(ctx context.Context, s *statement, paging model.Paging, since, until model.Nanos) (model.Page[model.Event], error) {
			one := q
			one.Filter, one.Paging = bounded(s.logs(), r.epoch, q.Filter, paging, since, until)
			return r.QueryEvents(ctx, one)
		},
		arrivals: func(ctx context.Context, s *statement, behind rowKey, limit int, use func(arrived[model.Event])) (n int, err error) {
			f := s.logs()
			if !s.schema.exists(f.table) {
				return 0, nil
			}
			sql := "SELECT " + eventColumns(f) + " FROM " + f.from(s.reader) + " WHERE " + all(append(s.events(f, &q), s.arrivedBehind(f, behind)...)) + f.byArrival(s, limit)
			err = s.eachEvent(ctx, sql, func(e *model.Event, inserted model.Nanos) error {
				n++
				use(arrived[model.Event]{*e, f.keyOf(e.Time, e.Seq, inserted)})
				return nil
			})
			return n, err
		},
		place: func(e *model.Event) (model.Nanos, uint64) { return e.Time, e.Seq },
		size:  (*model.Event).AnswerSize,
	})
}

// TailSpans implements query.Tailer.
func (r *Reader) TailSpans(_ context.Context, q model.TraceQuery, start model.Start) query.Tail[model.Span] {
	return newTail(r.connection, start, tailing[model.Span]{
		late: func(s *statement) model.Nanos { return s.traces().lateness() },
		page: func(ctx context.Context, s *statement, paging model.Paging, since, until model.Nanos) (model.Page[model.Span], error) {
			one := q
			one.Filter, one.Paging = bounded(s.traces(), r.epoch, q.Filter, paging, since, until)
			return s.pageOfSpans(ctx, &one)
		},
		arrivals: func(ctx context.Context, s *statement, behind rowKey, limit int, use func(arrived[model.Span])) (n int, err error) {
			f := s.traces()
			if !s.schema.exists(f.table) {
				return 0, nil
			}
			sql := "SELECT " + spanColumns(f) + " FROM " + f.from(s.reader) + " WHERE " + all(append(s.spans(f, &q), s.arrivedBehind(f, behind)...)) + f.byArrival(s, limit)
			err = s.eachSpan(ctx, sql, func(span *model.Span, inserted model.Nanos) error {
				n++
				use(arrived[model.Span]{*span, f.keyOf(span.Start, span.Seq, inserted)})
				return nil
			})
			return n, err
		},
		place: func(s *model.Span) (model.Nanos, uint64) { return s.Start, s.Seq },
		size:  (*model.Span).AnswerSize,
	})
}

// TailPoints implements query.Tailer.
func (r *Reader) TailPoints(_ context.Context, q model.PointQuery, start model.Start) query.Tail[model.Point] {
	return newTail(r.connection, start, tailing[model.Point]{
		late: func(s *statement) model.Nanos {
			for _, table := range s.metricTables() {
				return table.lateness()
			}
			return lateness
		},
		page: func(ctx context.Context, s *statement, paging model.Paging, since, until model.Nanos) (model.Page[model.Point], error) {
			one := q
			one.Filter, one.Paging = q.Filter, paging
			for _, table := range s.metricTables() {
				one.Filter, one.Paging = bounded(table.source, r.epoch, q.Filter, paging, since, until)
			}
			return r.QueryPoints(ctx, one)
		},
		arrivals: func(ctx context.Context, s *statement, behind rowKey, limit int, use func(arrived[model.Point])) (n int, err error) {
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
				use(arrived[model.Point]{*p, f.keyOf(p.Time, p.Seq, inserted)})
				return nil
			})
			return n, err
		},
		place: func(p *model.Point) (model.Nanos, uint64) { return p.Time, p.Seq },
		size:  (*model.Point).AnswerSize,
	})
}
