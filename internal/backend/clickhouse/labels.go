// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"context"
	"slices"

	"github.com/tapio/tapio/internal/model"
)

// listed is an item of a list, and what places it.
type listed[Item any] struct {
	item  Item
	place model.ListPlace
	bytes int // of what is not in the key
}

// itemBytes is what an item takes in an answer, without its texts.
const itemBytes = 128

// pageOf puts the items in order and takes the page that is asked for.
func pageOf[Item any](items []listed[Item], paging model.ListPaging) model.List[Item] {
	slices.SortFunc(items, func(a, b listed[Item]) int { return a.place.Compare(b.place, paging.ByCount) })
	list, bytes := model.List[Item]{Items: []Item{}}, 0
	var last model.ListPlace
	for i := range items {
		one := &items[i]
		if !paging.After.IsZero() && one.place.Compare(paging.After, paging.ByCount) <= 0 {
			continue
		}
		bytes += itemBytes + len(one.place.Key) + one.bytes
		if n := len(list.Items); n == max(paging.Limit, 1) || n > 0 && paging.MaxBytes > 0 && bytes > paging.MaxBytes {
			list.Next = last
			break
		}
		list.Items, last = append(list.Items, one.item), one.place
	}
	return list
}

// tally counts records by a text.
type tally struct {
	records uint64
	signals model.Signals
}

// wants reports whether a query looks at records of a signal.
func wants(q *model.LabelQuery, signal model.Signal) bool {
	return (q.Signal == model.SignalUnspecified || q.Signal == signal) && (signal == model.SignalMetrics || len(q.Metrics) == 0)
}

// labelled is a table whose rows have labels, and the conditions of a query on it.
type labelled struct {
	*source
	conditions []string
	series     string // expression that identifies a series; "" where each row counts
}

// labelled returns the tables that a query looks at.
func (s *statement) labelled(q *model.LabelQuery) (tables []labelled) {
	if f := s.logs(); wants(q, model.SignalLogs) && s.schema.exists(f.table) {
		tables = append(tables, labelled{f, s.filter(f, &q.Filter), ""})
	}
	if f := s.traces(); wants(q, model.SignalTraces) && s.schema.exists(f.table) {
		tables = append(tables, labelled{f, s.filter(f, &q.Filter), ""})
	}
	if wants(q, model.SignalMetrics) {
		for _, table := range s.metricTables() {
			tables = append(tables, labelled{table.source, s.points(table.source, q.Metrics, &q.Filter), table.seriesKey()})
		}
	}
	return tables
}

// seriesKey is an expression that identifies a series.
func (t *metricTable) seriesKey() string {
	key := "MetricName, MetricUnit, Attributes, ResourceAttributes, ResourceSchemaUrl, ScopeName, ScopeVersion, ScopeAttributes, ScopeSchemaUrl"
	for _, column := range []string{t.temporality, t.monotonic} {
		if column != "" {
			key += ", " + column
		}
	}
	return "sipHash128(" + key + ")"
}

// rows is the part behind FROM: the selected rows, of series one each.
func (l *labelled) rows(r *connection, columns string) string {
	sql := "(SELECT " + columns + " FROM " + l.from(r) + " WHERE " + all(l.conditions)
	if l.series != "" {
		sql += " LIMIT 1 BY " + l.series
	}
	return sql + ")"
}

// labels is an expression for all labels of a row: its own go before those of the scope
// and the resource.
func (f *source) labels() string {
	merged := "CAST(" + f.resource + ", 'Map(String, String)')"
	if f.scope != "" {
		merged = "mapUpdate(" + merged + ", CAST(" + f.scope + ", 'Map(String, String)'))"
	}
	return "mapUpdate(" + merged + ", CAST(" + f.record + ", 'Map(String, String)'))"
}

// ListLabels implements query.Discoverer.
func (r *Reader) ListLabels(ctx context.Context, q model.LabelQuery) (list model.List[model.LabelInfo], err error) {
	s, err := r.begin(ctx)
	if err != nil {
		return list, err
	}
	counts := map[string]tally{}
	for _, table := range s.labelled(&q) {
		sql := "SELECT label, count() FROM (SELECT arrayJoin(mapKeys(all)) AS label FROM " + table.rows(s.reader, table.labels()+" AS all") +
			") WHERE startsWith(label, " + s.text(q.Prefix) + ") AND label != '' GROUP BY label"
		if err := s.count(ctx, sql, table.signal, counts); err != nil {
			return list, err
		}
	}
	items := make([]listed[model.LabelInfo], 0, len(counts))
	for name, one := range counts {
		items = append(items, listed[model.LabelInfo]{
			item:  model.LabelInfo{Name: name, Signals: one.signals, Records: one.records},
			place: model.ListPlace{Key: model.ListKey(name), Count: one.records},
		})
	}
	return pageOf(items, q.Paging), nil
}

// count adds the counts of a statement, by text.
func (s *statement) count(ctx context.Context, sql string, signal model.Signal, to map[string]tally) error {
	return s.each(ctx, sql, func(scan scanner) error {
		var name string
		var n uint64
		if err := scan(&name, &n); err != nil {
			return err
		}
		one := to[name]
		to[name] = tally{one.records + n, one.signals.With(signal)}
		return nil
	})
}

// ListLabelValues implements query.Discoverer.
func (r *Reader) ListLabelValues(ctx context.Context, q model.LabelQuery) (list model.List[model.LabelValue], err error) {
	s, err := r.begin(ctx)
	if err != nil {
		return list, err
	}
	counts := map[string]tally{}
	for _, table := range s.labelled(&q) {
		found, value := s.group(table.source, q.Label)
		table.conditions = append(table.conditions, found)
		sql := "SELECT value, count() FROM " + table.rows(s.reader, value+" AS value") + " WHERE startsWith(value, " + s.text(q.Prefix) + ") GROUP BY value"
		if err := s.count(ctx, sql, table.signal, counts); err != nil {
			return list, err
		}
	}
	items := make([]listed[model.LabelValue], 0, len(counts))
	for value, one := range counts {
		items = append(items, listed[model.LabelValue]{
			item: model.LabelValue{Value: value, Records: one.records}, place: model.ListPlace{Key: model.ListKey(value), Count: one.records},
		})
	}
	return pageOf(items, q.Paging), nil
}
