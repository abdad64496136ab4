// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package following

import "github.com/tapio/tapio/internal/model"

// Poll implements query.Tail.
func (t *Tail[Row]) Poll(most int) (rows []Row, loss model.Loss, more bool) {
	n := min(most, len(t.buffer))
	if t.old > 0 {
		n = min(n, t.old) // a reader of the past alone ends with these
	}
	bytes := 0
	for i := range t.buffer[:n] {
		if bytes += t.how.Size(&t.buffer[i].Row); bytes > t.bytes && i > 0 {
			n = i
			break
		}
		rows = append(rows, t.buffer[i].Row)
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
func (t *Tail[Row]) pass(row *Arrived[Row], rows int) {
	t.position = row.Seq
	t.last = place{begun: t.begun, live: row.Key}
	if row.Arrival == 0 && rows <= t.old { // a row of the past
		t.last = place{begun: t.begun, cursor: model.Cursor{Epoch: t.Epoch, Time: row.At, Seq: row.Seq, State: "1"}}
	}
	t.Places.note(row.Seq, t.last)
}

// Bound implements query.Tail.
func (t *Tail[Row]) Bound(bytes int) { t.bytes = max(bytes, 1) }

// Skip implements query.Tail.
func (t *Tail[Row]) Skip() model.Loss {
	loss := model.Loss{Count: uint64(len(t.buffer)) + t.loss.Count}
	t.buffer, t.old, t.loss, t.more = nil, 0, model.Loss{}, false
	if t.stage != stageLive { // what was not read does not count as lost
		t.start, t.stage, t.made, t.behind = model.Start{}, stageBegin, t.Now(), Key{}
	}
	return loss
}

// Position implements query.Tail.
func (t *Tail[Row]) Position() uint64 { return t.position }
