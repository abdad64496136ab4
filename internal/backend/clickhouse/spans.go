// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"context"
	"errors"

	"github.com/tapio/tapio/internal/model"
)

// spanColumns are the columns that eachSpan reads.
func spanColumns(f *source) string {
	inserted := "0"
	if f.inserted {
		inserted = nanos(insertedAt)
	}
	columns := []string{
		nanos(f.at) + " AS at", f.seq + " AS seq", "toInt64(" + inserted + ") AS inserted", "TraceId", "SpanId", "ParentSpanId", "TraceState", text("SpanName"),
		"toInt32(" + spanKind + ")",
	}
	columns = append(columns, f.sharedColumns(false, "0")...)
	columns = append(columns, keys(f.record), values(f.record), "toUInt64(Duration)", "toInt32("+statusCode+")", "StatusMessage",
		"CAST(arrayMap(t -> toUnixTimestamp64Nano(t), Events.Timestamp), 'Array(Int64)')", "CAST(Events.Name, 'Array(String)')")
	columns = append(append(columns, nested("Events.Attributes")...), "Links.TraceId", "Links.SpanId", "Links.TraceState")
	return columnList(append(columns, nested("Links.Attributes")...))
}

// spanRow is the columns of a span that need converting.
type spanRow struct {
	at, inserted        int64
	trace, span, parent string
	keys, values        []string
	took                uint64
	shared              shared

	eventTimes              []int64
	eventNames              []string
	eventKeys, eventVals    [][]string
	linkTraces, linkSpans   []string
	linkStates              []string
	linkKeys, linkAttribute [][]string
}

// eachSpan calls use with each span and the time at which it was stored.
func (s *statement) eachSpan(ctx context.Context, sql string, use func(span *model.Span, inserted model.Nanos) error) error {
	origins := newOrigins()
	return s.each(ctx, sql, func(scan scanner) error {
		var row spanRow
		var span model.Span
		targets := []any{
			&row.at, &span.Seq, &row.inserted, &row.trace, &row.span, &row.parent, &span.TraceState, &span.Name, &span.Kind,
		}
		targets = append(targets, row.shared.targets()...)
		targets = append(targets,
			&row.keys, &row.values, &row.took, &span.StatusCode, &span.StatusMessage,
			&row.eventTimes, &row.eventNames, &row.eventKeys, &row.eventVals,
			&row.linkTraces, &row.linkSpans, &row.linkStates, &row.linkKeys, &row.linkAttribute)
		if err := scan(targets...); err != nil {
			return err
		}
		span.TraceID, span.SpanID, span.ParentID = traceID(row.trace), spanID(row.span), spanID(row.parent)
		span.Start = nanosOf(row.at)
		span.End = span.Start + model.Nanos(row.took)
		span.Attributes = attributesOf(row.keys, row.values)
		span.Resource, span.Scope = origins.of(&row.shared)
		span.Events, span.Links = row.events(), row.links()
		return use(&span, nanosOf(row.inserted))
	})
}

func (r *spanRow) events() (events []model.SpanEvent) {
	for i, at := range r.eventTimes {
		events = append(events, model.SpanEvent{Time: nanosOf(at), Name: r.eventNames[i], Attributes: attributesOf(r.eventKeys[i], r.eventVals[i])})
	}
	return events
}

func (r *spanRow) links() (links []model.SpanLink) {
	for i, trace := range r.linkTraces {
		links = append(links, model.SpanLink{
			TraceID: traceID(trace), SpanID: spanID(r.linkSpans[i]), TraceState: r.linkStates[i], Attributes: attributesOf(r.linkKeys[i], r.linkAttribute[i]),
		})
	}
	return links
}

// pageOfSpans returns a page of the spans that a query for traces selects by.
func (s *statement) pageOfSpans(ctx context.Context, q *model.TraceQuery) (page model.Page[model.Span], err error) {
	f := s.traces()
	if !s.schema.exists(f.table) {
		return page, ctx.Err()
	}
	o := order{f, q.Paging.Ascending}
	behind, skip := s.behind(o, q.Paging.After)
	conditions := append(s.spans(f, q), behind...)
	n := max(q.Paging.Limit, 1) + skip + 1
	sql := "SELECT " + spanColumns(f) + " FROM " + f.from(s.reader) + " WHERE " + all(conditions) + " AND " + s.bound(o, conditions, n) +
		o.by("seq") + " LIMIT " + s.limit(n)
	p := &pager[model.Span]{
		paging: q.Paging, snapshot: q.Paging.After.Snapshot, epoch: s.reader.epoch, skip: skip, size: (*model.Span).AnswerSize,
		place: func(span *model.Span) (model.Nanos, uint64) { return span.Start, span.Seq },
	}
	err = s.eachSpan(ctx, sql, func(span *model.Span, _ model.Nanos) error {
		if !p.add(span) {
			return errEnough
		}
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return model.Page[model.Span]{}, err
	}
	return p.result(), nil
}
