// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"encoding/binary"

	"github.com/tapio/tapio/internal/model"
)

// Interest says which records the engine would look at now, so that who shows
// them need read no others in full. It is a value: it goes on saying the same.
type Interest struct {
	sample uint8 // of 2^sample traces one is looked at
	lines  uint8 // of 2^lines ordinary lines without a trace one is
	open   bool  // there is an incident that failures may belong to
}

// Interest returns what the engine looks at from now on.
func (e *Engine) Interest() Interest {
	return Interest{sample: uint8(e.assembly.sample), lines: uint8(e.lot.sample), open: len(e.groups) > 0}
}

// Event reports whether a record is looked at, by all of it but its body and its
// attributes: errors, events with a name, the lines of some traces, and some of the
// ordinary lines without one. Of these n chooses, the number of the record among
// all that the engine's owner was shown.
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

// Saw tells the engine the times of records that were not worth showing.
func (e *Engine) Saw(oldest, newest model.Nanos) {
	if newest != 0 {
		e.sees(oldest)
		e.sees(newest)
	}
}

// inSample chooses one trace of 2^sample, by its id, so that a trace is chosen as
// a whole. The ids may be drawn by lot or counted up.
func inSample(id model.TraceID, sample uint) bool {
	return sample == 0 || chosen(binary.LittleEndian.Uint64(id[:8])*hashPrime^binary.LittleEndian.Uint64(id[8:]), sample)
}

// chosen draws one number of 2^sample. It is no more regular than chance, for lines
// come in an order that repeats.
func chosen(n uint64, sample uint) bool {
	h := n * 0x9e3779b97f4a7c15
	h ^= h >> 32
	return (h*0xd6e8feb86659fd93)>>(64-sample) == 0
}
