// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package segment

import (
	"slices"

	"github.com/tapio/tapio/internal/model"
)

// wants is a hint in terms of the numbers of one segment.
type wants struct {
	ready  bool
	hint   *Hint
	trace  uint64
	named  []bool // by name; nil: any
	tests  []labelTest
	except *wants // rows that meet all of it are not wanted; nil: there are none

	texts      []uint64 // places of the strings that hold the text
	textsKnown bool     // they are looked up
}

// prepare looks up, once a segment, what the rows' numbers stand for.
func (w *wants) prepare(l *Loader, h *Hint) {
	if w.ready && w.hint == h {
		return
	}
	*w = wants{ready: true, hint: h}
	if !h.Trace.IsZero() {
		place, _ := l.Segment.FindTrace(h.Trace)
		w.trace = uint64(place) + 1
	}
	if len(h.names) > 0 {
		for _, name := range l.Dictionary().Strings {
			w.named = append(w.named, model.MatchName(h.names, name))
		}
	}
	for i := range h.Tests {
		w.tests = append(w.tests, newLabelTest(l.Dictionary(), &h.Tests[i]))
	}
	if h.except != nil {
		w.except = &wants{}
		w.except.prepare(l, h.except)
	}
}

// blocks returns those that may have rows for which all label conditions hold.
func (w *wants) blocks() BlockSet {
	set := allBlocks
	for i := range w.tests {
		set &= w.tests[i].blocks()
	}
	return set
}

// admits reports whether a block with this text filter may have such rows.
func (w *wants) admits(filter []uint64) bool {
	for i := range w.tests {
		if !w.tests[i].admits(filter) {
			return false
		}
	}
	return true
}

// choose rules out rows by one column after the other, the ones first that cost
// least to read.
func (w *wants) choose(l *Loader) {
	if w.hint.Place > 0 {
		i := w.hint.Place - 1 - l.from
		l.wanted = l.wanted[i : i+1]
	}
	for _, n := range w.hint.numbers {
		l.keep(n.column, n.holds)
	}
	if w.named != nil {
		l.keep(columnName, func(name uint64) bool { return w.named[name] })
	}
	if w.trace > 0 {
		l.keep(columnTrace, func(trace uint64) bool { return trace == w.trace })
	}
	if w.hint.took != nil {
		w.hint.took.choose(l)
	}
	if w.hint.Times != (model.TimeRange{}) {
		l.keep(ColumnTime, func(when uint64) bool { return w.hint.Times.Contains(model.Nanos(when)) })
	}
	for i := range w.tests {
		w.tests[i].choose(l)
	}
	if w.except != nil && !w.except.needsTexts() {
		w.leaveOut(l)
	}
}

// chooseByTexts rules out rows by the values of their fields. The texts are
// unpacked.
func (w *wants) chooseByTexts(l *Loader) {
	for i := range w.tests {
		w.tests[i].chooseByTexts(l)
	}
	if w.except != nil && w.except.needsTexts() {
		w.leaveOut(l)
	}
}

// needsTexts reports whether the numbers of a row are not enough.
func (w *wants) needsTexts() bool {
	return slices.ContainsFunc(w.tests, func(t labelTest) bool { return t.needsTexts() })
}

// leaveOut rules out the rows that meet the exception.
func (w *wants) leaveOut(l *Loader) {
	if len(l.wanted) == 0 {
		return
	}
	before := slices.Clone(l.wanted)
	w.except.choose(l)
	w.except.chooseByTexts(l)
	excepted := l.wanted // in the same order
	l.wanted = make([]int32, 0, len(before))
	for _, i := range before {
		if len(excepted) > 0 && excepted[0] == i {
			excepted = excepted[1:]
			continue
		}
		l.wanted = append(l.wanted, i)
	}
}
