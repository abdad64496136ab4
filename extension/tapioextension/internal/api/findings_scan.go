// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"math"
	"slices"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/otlp"
)

// scanRows is how many records of findings are read from the store at once.
const scanRows = 1000

// latestFindings answers a query from the records of findings. They are looked
// at from the newest to the oldest, so that the first of an id is its latest
// revision; those before it are passed over, whatever they say.
func (s *Server) latestFindings(ctx context.Context, query *model.FindingQuery) (model.Page[model.Finding], error) {
	scan := newFindingScan(query, s.Store.Epoch(), s.Figures.Stats()[0].LastSeq)
	records := model.EventQuery{
		Kind: model.EventsOnly,
		Filter: model.Filter{
			EventNames: []string{query.EventName},
			// A finding is made when what it spans has happened.
			Time: model.TimeRange{Start: query.Filter.Time.Start},
		},
		Paging: model.Paging{Limit: scanRows, MaxBytes: messageBytes, After: scan.newest()},
	}
	for !scan.full() {
		page, err := s.Store.QueryEvents(ctx, records)
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
		s.addRunbook(finding)
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
	query           *model.FindingQuery
	epoch, snapshot uint64
	seen            map[string]bool
	rows            []found // the newest first; one above the limit tells that there is a next page
}

func newFindingScan(query *model.FindingQuery, epoch, last uint64) *findingScan {
	scan := &findingScan{query: query, epoch: epoch, snapshot: last, seen: map[string]bool{}}
	if after := query.Paging.After; !after.IsZero() {
		scan.epoch, scan.snapshot = after.Epoch, after.Snapshot
	}
	return scan
}

// newest is the place before the newest record that the answer may know. Every
// page begins there, for only so is it clear which ids have a later revision.
func (f *findingScan) newest() model.Cursor {
	return model.Cursor{Epoch: f.epoch, Snapshot: f.snapshot, Time: math.MaxUint64, Seq: math.MaxUint64}
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
			page.Next = model.Cursor{Epoch: f.epoch, Snapshot: f.snapshot, Time: last.time, Seq: last.seq}
			break
		}
		page.Rows = append(page.Rows, row.finding)
	}
	return page
}
