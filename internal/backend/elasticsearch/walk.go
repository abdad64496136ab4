// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package elasticsearch

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/tapio/tapio/internal/model"
)

// place is where a record stands in the order: by time, then by its sequence number. The
// zero place is before the first record.
type place struct {
	at  model.Nanos
	seq uint64
}

func placeOf(e *model.Event) place { return place{e.Time, e.Seq} }

func comparePlaces(a, b place) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.seq, b.seq)) }

// walk is a way through the records of a query.
type walk struct {
	ascending bool
	from      place // records before it are passed over, not those at it; zero: none
	want      int   // records that are probably enough; 0: all
}

// The least and the most records that are read at once.
const minAtOnce, maxAtOnce = 16, 1000

// errEnough ends a walk.
var errEnough = errors.New("enough records")

// each calls use with each selected record in the order of the walk, until use fails. It
// reads MaxRecords at most.
func (r *Reader) each(ctx context.Context, q *model.EventQuery, way walk, use func(e *model.Event) error) error {
	known, err := r.learn(ctx)
	if err != nil {
		return err
	}
	condition := known.events(q)
	if way.from != (place{}) {
		condition = all(condition, way.rest())
	}
	order := "desc"
	if way.ascending {
		order = "asc"
	}
	body := &searchBody{
		Query: condition.clause, Size: maxAtOnce, Source: object{"includes": []string{
			timeField, "observed_timestamp", severityText, severityNumber, traceField, "span_id", "attributes", "dropped_attributes_count", nameField, "resource", "scope", "body",
		}},
		// Times are sorted to the millisecond: the exporter writes fractions of it in a way that the server misreads.
		Sort: []object{
			{timeField: object{"order": order, "numeric_type": "date", "unmapped_type": "date"}}, {sequenceField: object{"order": order}},
		},
	}
	if way.want > 0 && condition.exact {
		body.Size = min(max(way.want+1, minAtOnce), maxAtOnce)
	}
	read, origins := 0, newOrigins()
	one := run{query: q, way: way, use: use}
	for {
		answer, err := r.search(ctx, body)
		if err != nil {
			return err
		}
		for i := range answer.Hits.Hits {
			e, err := origins.event(&answer.Hits.Hits[i])
			if err != nil {
				return err
			}
			if err := one.add(&e); err != nil {
				return err
			}
		}
		n := len(answer.Hits.Hits)
		if n < body.Size {
			return one.flush()
		}
		if read += n; read >= r.MaxRecords {
			return model.Exhausted("Elasticsearch would have to return more than %d records for the query: ask for a shorter time range or select by "+
				"attributes that are indexed, or raise backends::elasticsearch::max_records of the tapio extension", r.MaxRecords)
		}
		last := answer.Hits.Hits[n-1].Sort
		at, _ := last[0].Int64() // was decoded with the record
		seq, _ := last[1].Int64()
		body.SearchAfter, body.Size = []int64{at, seq}, maxAtOnce
	}
}

// rest is the condition that records are not before where the walk begins, to the
// millisecond.
func (w *walk) rest() condition {
	if w.ascending {
		return within(model.TimeRange{Start: w.from.at})
	}
	return within(model.TimeRange{End: w.from.at + 1})
}

// run is the records of one millisecond, which come in the order of their numbers.
type run struct {
	query  *model.EventQuery
	way    walk
	use    func(e *model.Event) error
	events []model.Event
}

// add adds a record, if it is selected.
func (r *run) add(e *model.Event) error {
	if len(r.events) > 0 && e.Time/millisecond != r.events[0].Time/millisecond {
		if err := r.flush(); err != nil {
			return err
		}
	}
	at := placeOf(e)
	if order := comparePlaces(at, r.way.from); r.way.from != (place{}) && (r.way.ascending && order < 0 || !r.way.ascending && order > 0) {
		return nil
	}
	if q := r.query; q.Filter.MatchEvent(e) && q.Kind.Match(e.Name) && (q.TraceID.IsZero() || q.TraceID == e.TraceID) {
		r.events = append(r.events, *e)
	}
	return nil
}

// flush passes the records on in the order of their times.
func (r *run) flush() error {
	slices.SortStableFunc(r.events, func(a, b model.Event) int {
		order := comparePlaces(placeOf(&a), placeOf(&b))
		if r.way.ascending {
			return order
		}
		return -order
	})
	for i := range r.events {
		if err := r.use(&r.events[i]); err != nil {
			return err
		}
	}
	r.events = r.events[:0]
	return nil
}
