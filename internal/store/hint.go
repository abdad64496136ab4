// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"slices"
	"strings"

	"github.com/tapio/tapio/internal/tapio"
)

// hint is what the indexes of a segment can decide of a query. What it does not
// rule out may match: every row is put to the query itself all the same. The
// zero hint rules out nothing.
type hint struct {
	times    tapio.TimeRange
	trace    tapio.TraceID
	services []string
	classes  []tapio.Severity // nil: any
	names    []string         // patterns; nil: any
	labels   []labelHint
	grams    []uint32
	shorts   []uint32
	text     *textHint // nil: any
	numbers  []numberHint
	place    int // of the one row that is wanted, plus 1; 0: any
}

// labelHint is a label that must have one of the values.
type labelHint struct {
	key    tapio.LabelKey
	values []string
}

// numberHint is a test of a column.
type numberHint struct {
	column int
	holds  func(uint64) bool
}

func eventHint(q *tapio.EventQuery) *hint {
	h := &hint{times: q.Filter.Time, trace: q.TraceID}
	if q.NamedOnly {
		h.numbers = append(h.numbers, numberHint{columnName, func(name uint64) bool { return name != 0 }})
	}
	if q.Filter.Invert {
		return h
	}
	h.filter(&q.Filter)
	h.text = newTextHint(q.Filter.Text)
	h.names = q.Filter.EventNames
	h.severities(&q.Filter)
	return h
}

func spanHint(q *tapio.TraceQuery) *hint {
	h := &hint{times: q.Filter.Time, names: q.Operations}
	h.oneOf(columnKind, q.Kinds)
	h.oneOf(columnStatus, q.StatusCodes)
	if !q.Filter.Invert {
		h.filter(&q.Filter)
		h.text = newTextHint(q.Filter.Text)
	}
	return h
}

// filter takes over what applies to every signal.
func (h *hint) filter(f *tapio.Filter) {
	h.services = f.Services
	if len(f.Namespaces) > 0 {
		h.labels = append(h.labels, labelHint{tapio.NewLabelKey("namespace"), f.Namespaces})
	}
	for i := range f.Selectors {
		if s := &f.Selectors[i]; s.Op == tapio.OpEqual || s.Op == tapio.OpIn {
			h.labels = append(h.labels, labelHint{s.Key, s.Values})
		}
	}
	h.grams, h.shorts = gramsOf(f.Text), shortsOf(f.Text)
}

func (h *hint) severities(f *tapio.Filter) {
	if len(f.Severities) == 0 && f.MinSeverity == tapio.SeverityUnspecified {
		return
	}
	h.classes = []tapio.Severity{}
	for class := f.MinSeverity; class <= tapio.SeverityFatal; class++ {
		if len(f.Severities) == 0 || slices.Contains(f.Severities, class) {
			h.classes = append(h.classes, class)
		}
	}
	h.numbers = append(h.numbers, numberHint{columnSeverity, func(number uint64) bool {
		e := tapio.Event{SeverityNumber: int32(unzigzag(number))}
		return slices.Contains(h.classes, e.Severity())
	}})
}

// oneOf demands that a column of signed numbers has one of these.
func (h *hint) oneOf(column int, wanted []int32) {
	if len(wanted) > 0 {
		h.numbers = append(h.numbers, numberHint{column, func(number uint64) bool {
			return slices.Contains(wanted, int32(unzigzag(number)))
		}})
	}
}

// blocks returns the blocks of a segment that may hold matching rows, by the
// indexes that are looked up once for the whole segment.
func (h *hint) blocks(s *segment) blockSet {
	set := s.every()
	if !h.trace.IsZero() {
		_, blocks := s.findTrace(h.trace)
		set &= blocks
	}
	if h.classes != nil {
		set &= s.labels.withSeverity(h.classes, h.services)
	}
	if len(h.names) > 0 && !slices.ContainsFunc(h.names, isPrefix) {
		set &= s.labels.withName(h.names)
	}
	if len(h.services) > 0 {
		set &= s.labels.withLabel(func(key []byte) bool { return string(key) == serviceKey }, h.services)
	}
	for i := range h.labels {
		set &= s.labels.withLabel(h.labels[i].stands, h.labels[i].values)
	}
	if set != 0 && !s.mayHoldShort(h.shorts) {
		return 0
	}
	return set
}

func isPrefix(pattern string) bool { return strings.HasSuffix(pattern, "*") }

// stands reports whether the label is found under a key. It asks the words,
// which know what a short name stands for.
func (l *labelHint) stands(key []byte) bool {
	if string(key) == l.key.Name() {
		return true
	}
	probe := [1]tapio.KeyValue{{Key: string(key)}}
	_, found := tapio.Labels{Record: probe[:]}.Get(l.key)
	return found
}

// admits reports whether one block may hold matching rows, by what is known of
// each block.
func (h *hint) admits(s *segment, b int) bool {
	block := &s.blocks[b]
	return h.times.Overlaps(block.oldest, block.newest) &&
		mayHold(s.grams[block.grams:block.grams+block.gramWords], h.grams)
}

// wants is a hint in terms of the numbers of one segment.
type wants struct {
	ready  bool
	hint   *hint
	trace  uint64
	origin []bool // by resource; nil: any
	named  []bool // by name; nil: any

	texts      []uint64 // places of the strings that hold the text
	textsKnown bool     // they are looked up
}

// prepare looks up, once a segment, what the rows' numbers stand for.
func (w *wants) prepare(l *loader, h *hint) {
	if w.ready && w.hint == h {
		return
	}
	*w = wants{ready: true, hint: h}
	if !h.trace.IsZero() {
		place, _ := l.segment.findTrace(h.trace)
		w.trace = uint64(place) + 1
	}
	if len(h.services) > 0 && !l.segment.labels.mixed {
		for _, r := range l.dictionary().resources {
			w.origin = append(w.origin, slices.Contains(h.services, r.Service()))
		}
	}
	if len(h.names) > 0 {
		for _, name := range l.dictionary().strings {
			w.named = append(w.named, tapio.MatchName(h.names, name))
		}
	}
}

// choose rules out rows by one column after the other, the ones first that cost
// least to read.
func (w *wants) choose(l *loader) {
	if w.hint.place > 0 {
		i := w.hint.place - 1 - l.from
		l.wanted = l.wanted[i : i+1]
	}
	for _, n := range w.hint.numbers {
		l.keep(n.column, n.holds)
	}
	if w.origin != nil {
		l.keep(columnResource, func(resource uint64) bool { return w.origin[resource] })
	}
	if w.named != nil {
		l.keep(columnName, func(name uint64) bool { return w.named[name] })
	}
	if w.trace > 0 {
		l.keep(columnTrace, func(trace uint64) bool { return trace == w.trace })
	}
	if w.hint.times != (tapio.TimeRange{}) {
		l.keep(columnTime, func(when uint64) bool { return w.hint.times.Contains(tapio.Nanos(when)) })
	}
}
