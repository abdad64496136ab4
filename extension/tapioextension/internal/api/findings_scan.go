// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"slices"

	"github.com/tapio/tapio/extension/tapioextension/internal/notify"
	"github.com/tapio/tapio/extension/tapioextension/internal/stream"
	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/otlp"
	"github.com/tapio/tapio/internal/query"
)

// findings are read from the log records that carry them.
type findings struct {
	store    query.Reader
	notifier *notify.Manager // names runbooks; nil: none
}

// scanRows is how many records of findings are read from the store at once.
const scanRows = 1000

// latest answers a query from the records of findings. They are looked
// at from the newest to the oldest, so that the first of an id is its latest
// revision; those before it are passed over, whatever they say.
func (f *findings) latest(ctx context.Context, wanted *model.FindingQuery) (model.Page[model.Finding], error) {
	scan, err := f.newScan(wanted)
	if err != nil {
		return model.Page[model.Finding]{}, err
	}
	records := model.EventQuery{
		Kind: model.EventsOnly,
		Filter: model.Filter{
			EventNames: []string{wanted.EventName},
			// A finding is made when what it spans has happened.
			Time: model.TimeRange{Start: wanted.Filter.Time.Start},
		},
		Paging: model.Paging{Limit: scanRows, MaxBytes: stream.MessageBytes, After: scan.newest},
	}
	for !scan.full() {
		page, err := f.store.QueryEvents(ctx, records)
		if err != nil {
			return model.Page[model.Finding]{}, err
		}
		for i := range page.Rows {
			scan.look(&page.Rows[i])
		}
		if page.Next.IsZero() {
			break
		}
		records.Paging.After = page.Next
	}
	page := scan.page()
	for _, finding := range page.Rows {
		f.addRunbook(finding)
	}
	return page, nil
}

// found is a finding and the place of its record.
type found struct {
	finding model.Finding
	time    model.Nanos
	seq     uint64
	size    int
}

// findingScan picks the findings of one page, from the newest to the oldest.
type findingScan struct {
	query *model.FindingQuery
	// newest is the place before the newest record that counts, and next that of the
	// next page, but for its time and sequence.
	newest, next model.Cursor
	seen         map[string]bool
	rows         []found // the newest first; one above the limit means that there is a next page
}

// newFindingScan begins where the newest record is now or, on a further page, was on the
// first one. A reader that knows no such place is read from its newest record.
func (f *findings) newScan(q *model.FindingQuery) (*findingScan, error) {
	scan := &findingScan{query: q, seen: map[string]bool{}, next: model.Cursor{Epoch: f.store.Epoch()}}
	snapshots, ok := f.store.(query.Snapshotter)
	if ok {
		scan.newest = snapshots.Snapshot()
		scan.next = scan.newest
	}
	after := q.Paging.After
	if after.IsZero() {
		return scan, nil
	}
	if !ok && after.Epoch != f.store.Epoch() {
		return nil, model.InvalidField("filter.page_token", "is of a server that was started again: start again without a token")
	}
	if scan.next = after; ok {
		scan.newest.Epoch, scan.newest.Snapshot = after.Epoch, after.Snapshot
	}
	return scan, nil
}

// full reports whether no further record can change the page. An ascending page
// is of the oldest, so that it is only known at the end.
func (f *findingScan) full() bool {
	return !f.query.Paging.Ascending && len(f.rows) > f.query.Paging.Limit
}

func (f *findingScan) look(record *model.Event) {
	finding := otlp.FindingFromEvent(record)
	if finding == nil || f.full() || f.seen[finding.Identity().ID] {
		return
	}
	f.seen[finding.Identity().ID] = true
	if !f.behindCursor(record) || !f.query.Match(finding, record) {
		return
	}
	f.rows = append(f.rows, found{finding, record.When(), record.Seq, record.AnswerSize()})
	if most := f.query.Paging.Limit + 1; len(f.rows) > most {
		f.rows = f.rows[len(f.rows)-most:]
	}
}

// behindCursor reports whether the record comes after those of earlier pages.
func (f *findingScan) behindCursor(record *model.Event) bool {
	after := f.query.Paging.After
	switch {
	case after.IsZero():
		return true
	case record.When() == after.Time:
		return record.Seq != after.Seq && record.Seq > after.Seq == f.query.Paging.Ascending
	default:
		return record.When() > after.Time == f.query.Paging.Ascending
	}
}

// page takes rows up to the limits, in the order asked for.
func (f *findingScan) page() model.Page[model.Finding] {
	if f.query.Paging.Ascending {
		slices.Reverse(f.rows)
	}
	var page model.Page[model.Finding]
	bytes := 0
	for i, row := range f.rows {
		bytes += row.size
		if i == f.query.Paging.Limit || i > 0 && f.query.Paging.MaxBytes > 0 && bytes > f.query.Paging.MaxBytes {
			last := f.rows[i-1]
			page.Next = model.Cursor{Epoch: f.next.Epoch, Snapshot: f.next.Snapshot, Time: last.time, Seq: last.seq}
			break
		}
		page.Rows = append(page.Rows, row.finding)
	}
	return page
}
