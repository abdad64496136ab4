// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"encoding/binary"

	"github.com/tapio/tapio/internal/correlate/hash"
	"github.com/tapio/tapio/internal/model"
)

// Interest returns which records the engine needs now, so that the caller need not decode the others. It
// is a value and does not change.
type Interest struct {
	sample uint8 // one of 2^sample traces is needed
	lines  uint8 // one of 2^lines ordinary lines without a trace is needed
	open   bool  // an incident is open, to which failures may belong
}

// Interest returns which records the engine needs from now on.
func (e *Engine) Interest() Interest {
	return Interest{sample: uint8(e.assembly.sample), lines: uint8(e.logbook.lot.sample), open: len(e.book.groups) > 0}
}

// Event reports whether a record is needed. It uses neither body nor attributes. Needed are errors,
// events with a name, the lines of some traces, and some of the ordinary lines without a trace. Of
// those, n selects: the number of the record among all that the caller received.
func (i Interest) Event(ev *model.Event, n uint64) bool {
	switch {
	case ev.Name != "" || ev.Severity() >= model.SeverityError:
		return true
	case ev.TraceID.IsZero():
		return chosen(n, uint(i.lines))
	default:
		return inSample(ev.TraceID, uint(i.sample))
	}
}

// Span is Event for spans.
func (i Interest) Span(s *model.Span) bool {
	return !s.TraceID.IsZero() && (inSample(s.TraceID, uint(i.sample)) || (i.open && s.StatusCode == model.StatusError))
}

// Saw notes the time range of records that were not passed to the engine, because Interest did not
// select them.
func (e *Engine) Saw(oldest, newest model.Nanos) {
	if newest != 0 {
		e.time.Sees(oldest)
		e.time.Sees(newest)
	}
}

// inSample selects one of 2^sample traces by its id, so that a trace is selected as a whole. Ids may
// be random or sequential.
func inSample(id model.TraceID, sample uint) bool {
	return sample == 0 || chosen(binary.LittleEndian.Uint64(id[:8])*hash.Prime^binary.LittleEndian.Uint64(id[8:]), sample)
}

// chosen selects one of 2^sample numbers, in a pseudo-random order, because lines may repeat in a
// regular one.
func chosen(n uint64, sample uint) bool {
	h := n * 0x9e3779b97f4a7c15
	h ^= h >> 32
	return (h*0xd6e8feb86659fd93)>>(64-sample) == 0
}
