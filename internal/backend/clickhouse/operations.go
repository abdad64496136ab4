// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"context"
	"math"
	"strconv"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/semconv"
)

// requestColumns count spans: how many, failed ones, their durations by bucket as
// model.DurationBucket has them, and their first and last start.
func (f *source) requestColumns() string {
	bucket := "if(" + took + " = 0, 0, 1 + toUInt32(floor(log2(" + took + ") * 16)))"
	return "count(), countIf(" + statusCode + " = 2), tupleElement(sumMap([toUInt32(" + bucket + ")], [toUInt32(1)]) AS spread, 1), CAST(tupleElement(spread, 2), 'Array(UInt32)'), min(" + nanos(f.at) + "), max(" + nanos(f.at) + ")"
}

// requestRow is the columns of requestColumns.
type requestRow struct {
	count, failed uint64
	buckets       []uint32
	counts        []uint32
	first, last   int64
}

func (r *requestRow) targets() []any {
	return []any{&r.count, &r.failed, &r.buckets, &r.counts, &r.first, &r.last}
}

// red returns the figures over a range, of which spans are stored since oldest.
func (r *requestRow) red(times model.TimeRange, oldest model.Nanos) model.RED {
	if r.count == 0 {
		return model.RED{Took: &model.Durations{}}
	}
	durations := &model.Durations{}
	for i, bucket := range r.buckets {
		durations.Add(int(bucket), r.counts[i])
	}
	start, end := max(times.Start, oldest), times.End
	if times.Start == 0 {
		start = nanosOf(r.first)
	}
	if end == 0 {
		end = nanosOf(r.last)
	}
	seconds := 1.0
	if end > start {
		seconds = math.Max(float64(end-start)/1e9, seconds)
	}
	return model.RED{
		Requests: r.count, Errors: r.failed, Rate: float64(r.count) / seconds, Took: durations,
		P50: durations.Quantile(0.5), P95: durations.Quantile(0.95), P99: durations.Quantile(0.99),
	}
}

// merge adds the requests of another row.
func (r *requestRow) merge(other *requestRow) {
	if r.count == 0 {
		*r = *other
		return
	}
	r.count += other.count
	r.failed += other.failed
	r.buckets, r.counts = append(r.buckets, other.buckets...), append(r.counts, other.counts...)
	r.first, r.last = min(r.first, other.first), max(r.last, other.last)
}

// oldestSpan returns the start of the oldest span within a range, so that a rate is not
// a share of days of which nothing is stored.
func (s *statement) oldestSpan(ctx context.Context, f *source, times model.TimeRange) (oldest model.Nanos, err error) {
	if times.Start == 0 {
		return 0, nil
	}
	sql := "SELECT " + nanos("min("+f.at+")") + " FROM " + f.from(s.reader) + " WHERE " + f.at + " < " + s.time(times.Start) + " + INTERVAL 1 NANOSECOND"
	var before int64
	if err := s.each(ctx, sql, func(scan scanner) error { return scan(&before) }); err != nil {
		return 0, err
	}
	if before > 0 {
		return 0, nil // there are older spans than the range
	}
	sql = "SELECT " + nanos("min("+f.at+")") + " FROM " + f.from(s.reader) + " WHERE " + all(s.timeRange(f.at, times))
	var first int64
	err = s.each(ctx, sql, func(scan scanner) error { return scan(&first) })
	return nanosOf(first), err
}

// ListOperations implements query.Discoverer.
func (r *Reader) ListOperations(ctx context.Context, q model.OperationQuery) (list model.List[model.Operation], err error) {
	s, err := r.begin(ctx)
	if err != nil {
		return list, err
	}
	f := s.traces()
	if !s.schema.exists(f.table) {
		return pageOf[model.Operation](nil, q.Paging), ctx.Err()
	}
	oldest, err := s.oldestSpan(ctx, f, q.Filter.Time)
	if err != nil {
		return list, err
	}
	_, service := s.label(f, model.NewLabelKey(semconv.ServiceName))
	sql := "SELECT " + service + " AS service, " + text(f.name) + " AS name, toInt32(" + spanKind + ") AS kind, " + f.requestColumns() + " FROM " + f.from(s.reader) +
		" WHERE " + all(s.spans(f, &model.TraceQuery{Filter: q.Filter, Kinds: q.Kinds})) + " GROUP BY service, name, kind"
	var items []listed[model.Operation]
	err = s.each(ctx, sql, func(scan scanner) error {
		var o model.Operation
		var row requestRow
		if err := scan(append([]any{&o.Service, &o.Name, &o.Kind}, row.targets()...)...); err != nil {
			return err
		}
		o.RED, o.First, o.Last = row.red(q.Filter.Time, oldest), nanosOf(row.first), nanosOf(row.last)
		items = append(items, listed[model.Operation]{
			item:  o,
			place: model.ListPlace{Key: model.ListKey(o.Service, o.Name, strconv.Itoa(int(o.Kind))), Count: row.count},
		})
		return nil
	})
	return pageOf(items, q.Paging), err
}
