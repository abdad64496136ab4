// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package clickhouse

import "github.com/tapio/tapio/internal/model"

// Poll implements query.Tail.
func (t *tail[Row]) Poll(most int) (rows []Row, loss model.Loss, more bool) {
	n := min(most, len(t.buffer))
	if t.old > 0 {
		n = min(n, t.old) // a reader of the past alone ends with these
	}
	bytes := 0
	for i := range t.buffer[:n] {
		if bytes += t.how.size(&t.buffer[i].row); bytes > t.bytes && i > 0 {
			n = i
			break
		}
		rows = append(rows, t.buffer[i].row)
	}
	if n > 0 {
		t.pass(&t.buffer[n-1], n)
		t.buffer, t.old = t.buffer[n:], max(t.old-n, 0)
	}
	if len(t.buffer) == 0 {
		t.buffer = nil
	}
	loss, t.loss, t.news = t.loss, model.Loss{}, false
	return rows, loss, t.more || t.old > 0
}

// pass notes where a tail goes on behind a row.
func (t *tail[Row]) pass(row *arrived[Row], rows int) {
	t.position = row.seq
	t.last = place{begun: t.begun, live: row.rowKey}
	if row.arrival == 0 && rows <= t.old { // a row of the past
		t.last = place{begun: t.begun, cursor: model.Cursor{Epoch: t.reader.epoch, Time: row.at, Seq: row.seq, State: "1"}}
	}
	t.reader.places.note(row.seq, t.last)
}

// Bound implements query.Tail.
func (t *tail[Row]) Bound(bytes int) { t.bytes = max(bytes, 1) }

// Skip implements query.Tail.
func (t *tail[Row]) Skip() model.Loss {
	loss := model.Loss{Count: uint64(len(t.buffer)) + t.loss.Count}
	t.buffer, t.old, t.loss, t.more = nil, 0, model.Loss{}, false
	if t.stage != stageLive { // what was not read does not count as lost
		t.start, t.stage, t.made, t.behind = model.Start{}, stageBegin, t.reader.Now(), rowKey{}
	}
	return loss
}

// Position implements query.Tail.
func (t *tail[Row]) Position() uint64 { return t.position }
