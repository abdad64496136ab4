// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/tapio/tapio/internal/model"
)

// QueryEvents implements query.EventReader.
func (r *Reader) QueryEvents(ctx context.Context, q model.EventQuery) (page model.Page[model.Event], err error) {
	if err := r.checkCursor(q.Paging.After); err != nil {
		return page, err
	}
	s, err := r.begin(ctx)
	if err != nil {
		return page, err
	}
	f := s.logs()
	if !s.schema.exists(f.table) {
		return page, ctx.Err()
	}
	after := q.Paging.After
	if after.Snapshot, err = r.snapshot(ctx, after, f.inserted); err != nil {
		return page, err
	}
	o := order{f, q.Paging.Ascending}
	behind, skip := s.behind(o, after)
	conditions := append(s.events(f, &q), behind...)
	n := max(q.Paging.Limit, 1) + skip + 1
	sql := "SELECT " + eventColumns(f) + " FROM " + f.from(s.reader) + " WHERE " + all(conditions) + " AND " + s.bound(o, conditions, n) +
		o.by("seq") + " LIMIT " + s.limit(n)
	p := &pager[model.Event]{
		paging: q.Paging, snapshot: after.Snapshot, epoch: r.epoch, skip: skip, size: (*model.Event).AnswerSize,
		place: func(e *model.Event) (model.Nanos, uint64) { return e.Time, e.Seq },
	}
	err = s.eachEvent(ctx, sql, func(e *model.Event, _ model.Nanos) error {
		if !p.add(e) {
			return errEnough
		}
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return model.Page[model.Event]{}, err
	}
	page = p.result()
	for i := range page.Rows {
		r.Identify(&page.Rows[i])
	}
	return page, nil
}

// errEnough ends a statement whose further rows are not needed.
var errEnough = errors.New("enough rows")

// eventColumns are the columns that eachEvent reads.
func eventColumns(f *source) string {
	inserted := "0"
	if f.inserted {
		inserted = nanos(insertedAt)
	}
	columns := []string{
		nanos(f.at) + " AS at", f.seq + " AS seq", "toInt64(" + inserted + ") AS inserted", "TraceId", "SpanId", "toUInt32(TraceFlags)", text("SeverityText"),
		"toInt32(SeverityNumber)", "Body", text(f.name),
	}
	return columnList(append(append(columns, f.sharedColumns(true, "0")...), keys(f.record), values(f.record)))
}

// eachEvent calls use with each record and the time at which it was stored.
func (s *statement) eachEvent(ctx context.Context, sql string, use func(e *model.Event, inserted model.Nanos) error) error {
	origins := newOrigins()
	var at, inserted int64
	var trace, span, body string
	var keys, values []string
	var from shared
	return s.each(ctx, sql, func(scan scanner) error {
		e := model.Event{}
		from = shared{}
		targets := []any{&at, &e.Seq, &inserted, &trace, &span, &e.Flags, &e.SeverityText, &e.SeverityNumber, &body, &e.Name}
		targets = append(append(targets, from.targets()...), &keys, &values)
		if err := scan(targets...); err != nil {
			return err
		}
		e.Time, e.TraceID, e.SpanID = nanosOf(at), traceID(trace), spanID(span)
		if body != "" {
			e.Body = model.StringValue(body)
		}
		e.Attributes = attributesOf(keys, values)
		e.Resource, e.Scope = origins.of(&from)
		return use(&e, nanosOf(inserted))
	})
}

// Identify implements query.EventReader.
func (r *Reader) Identify(e *model.Event) {
	if e.ID = e.UID(); e.ID == "" {
		e.ID = idPrefix + strconv.FormatUint(uint64(e.Time), 16) + "-" + strconv.FormatUint(e.Seq, 16)
	}
}

// idPrefix begins the IDs of records that brought none along.
const idPrefix = "ch-"

// EventByID implements query.EventReader.
func (r *Reader) EventByID(ctx context.Context, id string) (event model.Event, found bool, err error) {
	s, err := r.begin(ctx)
	if err != nil {
		return event, false, err
	}
	f := s.logs()
	if !s.schema.exists(f.table) {
		return event, false, nil
	}
	uid := s.text(model.UIDKey)
	conditions := []string{"mapContains(" + f.record + ", " + uid + ")", f.record + "[" + uid + "] = " + s.text(id)}
	if at, seq, ok := placeOf(id); ok {
		conditions = []string{f.at + " = " + s.time(at), f.seq + " = " + s.unsigned(seq)}
	}
	sql := "SELECT " + eventColumns(f) + " FROM " + f.from(s.reader) + " WHERE " + all(conditions) + " ORDER BY " + f.at + " DESC LIMIT 1"
	err = s.eachEvent(ctx, sql, func(e *model.Event, _ model.Nanos) error {
		event, found = *e, true
		return nil
	})
	if err != nil || !found {
		return model.Event{}, false, err
	}
	r.Identify(&event)
	return event, true, nil
}

// placeOf reads an ID that Identify made.
func placeOf(id string) (at model.Nanos, seq uint64, ok bool) {
	rest, ok := strings.CutPrefix(id, idPrefix)
	time, hash, cut := strings.Cut(rest, "-")
	if !ok || !cut {
		return 0, 0, false
	}
	n, err := strconv.ParseUint(time, 16, 64)
	if err != nil {
		return 0, 0, false
	}
	seq, err = strconv.ParseUint(hash, 16, 64)
	return model.Nanos(n), seq, err == nil
}
