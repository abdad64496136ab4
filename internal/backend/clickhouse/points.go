// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"context"
	"errors"
	"strings"

	"github.com/tapio/tapio/internal/backend/working"
	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/query"
)

// QueryPoints implements query.MetricReader.
func (r *Reader) QueryPoints(ctx context.Context, q model.PointQuery) (page model.Page[model.Point], err error) {
	if err := r.checkCursor(q.Paging.After); err != nil {
		return page, err
	}
	s, err := r.begin(ctx)
	if err != nil {
		return page, err
	}
	tables := s.metricTables()
	if len(tables) == 0 {
		return page, ctx.Err()
	}
	after := q.Paging.After
	if after.Snapshot, err = r.snapshot(ctx, after, tables[0].inserted); err != nil {
		return page, err
	}
	direction, skip, n := " DESC", 0, 0
	if q.Paging.Ascending {
		direction = " ASC"
	}
	var selects []string
	for i := range tables {
		o := order{tables[i].source, q.Paging.Ascending}
		var behind []string
		behind, skip = s.behind(o, after)
		conditions := append(s.points(tables[i].source, q.Names, &q.Filter), behind...)
		n = max(q.Paging.Limit, 1) + skip + 1
		selects = append(selects, "SELECT "+tables[i].columns()+" FROM "+tables[i].from(s.reader)+" WHERE "+all(conditions)+" AND "+s.bound(o, conditions, n)+
			" ORDER BY at"+direction+", seq"+direction+" LIMIT "+s.limit(n))
	}
	sql := "SELECT * FROM (" + strings.Join(selects, " UNION ALL ") + ") ORDER BY at" + direction + ", seq" + direction + " LIMIT " + s.limit(n)
	p := &pager[model.Point]{
		paging: q.Paging, snapshot: after.Snapshot, epoch: r.epoch, skip: skip, size: (*model.Point).AnswerSize,
		place: func(p *model.Point) (model.Nanos, uint64) { return p.Time, p.Seq },
	}
	err = s.eachPoint(ctx, sql, func(point *model.Point, _ model.Nanos) error {
		if !p.add(point) {
			return errEnough
		}
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return model.Page[model.Point]{}, err
	}
	return p.result(), nil
}

// pointsAtOnce is how many points are added to a working set at once.
const pointsAtOnce = 4096

// readPoints reads the points of a query for figures of them.
func (r *connection) readPoints(ctx context.Context, q model.PointQuery) (*working.Set, error) {
	s, err := r.begin(ctx)
	if err != nil {
		return nil, err
	}
	set := working.New(r.QueryMemory)
	var batch []model.Point
	for _, table := range s.metricTables() {
		sql := "SELECT " + table.columns() + " FROM " + table.from(s.reader) + " WHERE " + all(s.points(table.source, q.Names, &q.Filter)) + " ORDER BY " + table.at
		err = s.eachPoint(ctx, sql, func(p *model.Point, _ model.Nanos) error {
			if batch = append(batch, *p); len(batch) < pointsAtOnce {
				return nil
			}
			err := set.AddPoints(batch)
			batch = batch[:0]
			return err
		})
		if err != nil {
			break
		}
	}
	if err == nil {
		err = set.AddPoints(batch)
	}
	if err != nil {
		set.Close()
		return nil, err
	}
	return set, nil
}

// Aggregate implements query.MetricReader.
func (r *Reader) Aggregate(ctx context.Context, q model.AggregateQuery) ([]model.AggregateSeries, int, error) {
	if err := working.Check(ctx, q); err != nil {
		return nil, 0, err
	}
	set, err := r.readPoints(ctx, working.PointsOf(&q))
	if err != nil {
		return nil, 0, err
	}
	defer set.Close()
	return set.Aggregate(ctx, q)
}

// SelectSeries implements query.MetricReader.
func (r *Reader) SelectSeries(ctx context.Context, q model.SeriesQuery) (query.SeriesSet, error) {
	set, err := r.readPoints(ctx, model.PointQuery{Names: q.Names, Filter: q.Filter})
	if err != nil {
		return nil, err
	}
	return set.SelectSeries(ctx, q)
}
