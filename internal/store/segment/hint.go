// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package segment

import (
	"math"
	"slices"
	"strings"
	"time"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/store/colenc"
	"github.com/tapio/tapio/internal/store/ngram"
)

// Hint is what the indexes of a segment can decide of a query. What it does not
// rule out may match: every row is put to the query itself all the same. The
// zero hint rules out nothing.
type Hint struct {
	Times    model.TimeRange
	Tests    []labelCondition
	except   *Hint // rows that meet all of this are not wanted; nil: there are none
	Trace    model.TraceID
	services []string
	classes  []model.Severity // nil: any
	names    []string         // patterns; nil: any
	labels   []labelHint
	grams    []uint32
	shorts   []uint32
	text     *textHint // nil: any
	numbers  []numberHint
	took     *durationHint // nil: any
	Place    int           // of the one row that is wanted, plus 1; 0: any
}

// labelHint is a label that must have one of the values.
type labelHint struct {
	key    model.LabelKey
	values []string
}

// numberHint is a test of a column.
type numberHint struct {
	column int
	holds  func(uint64) bool
}

// durationHint demands that a span took so long; 0: no bound.
type durationHint struct{ shortest, longest time.Duration }

// choose keeps such spans. One that ends before it starts took no time, which
// the difference is valid as long as times are within the range of a clock.
func (h *durationHint) choose(l *Loader) {
	if l.block.Newest > math.MaxInt64 {
		return
	}
	l.keep(columnDuration, func(number uint64) bool {
		took := time.Duration(colenc.Unzigzag(number))
		return took < 0 || took >= h.shortest && (h.longest <= 0 || took <= h.longest)
	})
}

// EventHint is what the indexes can decide of a query for log records.
func EventHint(q *model.EventQuery) *Hint {
	h := &Hint{Times: q.Filter.Time, Trace: q.TraceID}
	if q.Kind != model.LogsAndEvents {
		named := q.Kind == model.EventsOnly
		h.numbers = append(h.numbers, numberHint{columnName, func(name uint64) bool { return (name != 0) == named }})
	}
	if q.Filter.Invert {
		h.except = exceptHint(&q.Filter)
		if h.except != nil {
			h.except.names = q.Filter.EventNames
			h.except.severities(&q.Filter, false)
		}
		return h
	}
	h.filter(&q.Filter)
	h.text = newTextHint(q.Filter.Text)
	h.names = q.Filter.EventNames
	h.severities(&q.Filter, true)
	return h
}

// SpanHint is what the indexes can decide of a query for traces.
func SpanHint(q *model.TraceQuery) *Hint {
	h := &Hint{Times: q.Filter.Time, names: q.Operations}
	h.oneOf(columnKind, q.Kinds)
	h.oneOf(columnStatus, q.StatusCodes)
	if q.MinDuration > 0 || q.MaxDuration > 0 {
		h.took = &durationHint{q.MinDuration, q.MaxDuration}
	}
	if q.Filter.Invert {
		h.except = exceptHint(&q.Filter)
		return h
	}
	h.filter(&q.Filter)
	h.text = newTextHint(q.Filter.Text)
	return h
}

// exceptHint is what rows meet that an inverted filter leaves out. No column
// knows a text, so that with one nothing can be concluded.
func exceptHint(f *model.Filter) *Hint {
	if f.Text != "" {
		return nil
	}
	return &Hint{Tests: newLabelConditions(f)}
}

// filter takes over what applies to every signal.
func (h *Hint) filter(f *model.Filter) {
	h.services = f.Services
	if len(f.Namespaces) > 0 {
		h.labels = append(h.labels, labelHint{model.NewLabelKey("namespace"), f.Namespaces})
	}
	for i := range f.Selectors {
		if s := &f.Selectors[i]; s.Op == model.OpEqual || s.Op == model.OpIn {
			h.labels = append(h.labels, labelHint{s.Key, s.Values})
		}
	}
	h.Tests = newLabelConditions(f)
	h.grams, h.shorts = ngram.GramsOf(f.Text), ngram.ShortsOf(f.Text)
}

// severities demands a class; unnumbered reports what is assumed of records whose
// the severity text alone may decide it.
func (h *Hint) severities(f *model.Filter, unnumbered bool) {
	if len(f.Severities) == 0 && f.MinSeverity == model.SeverityUnspecified {
		return
	}
	h.classes = []model.Severity{}
	for class := f.MinSeverity; class <= model.SeverityFatal; class++ {
		if len(f.Severities) == 0 || slices.Contains(f.Severities, class) {
			h.classes = append(h.classes, class)
		}
	}
	h.numbers = append(h.numbers, numberHint{ColumnSeverity, func(number uint64) bool {
		e := model.Event{SeverityNumber: int32(colenc.Unzigzag(number))}
		if e.SeverityNumber <= 0 {
			return unnumbered
		}
		return slices.Contains(h.classes, e.Severity())
	}})
}

// oneOf demands that a column of signed numbers has one of these.
func (h *Hint) oneOf(column int, wanted []int32) {
	if len(wanted) > 0 {
		h.numbers = append(h.numbers, numberHint{column, func(number uint64) bool {
			return slices.Contains(wanted, int32(colenc.Unzigzag(number)))
		}})
	}
}

// blocks returns the blocks of a segment that may hold matching rows, by the
// indexes that are looked up once for the whole segment.
func (h *Hint) blocks(s *Segment) BlockSet {
	set := s.every()
	if !h.Trace.IsZero() {
		_, blocks := s.FindTrace(h.Trace)
		set &= blocks
	}
	if h.classes != nil {
		set &= s.Labels.withSeverity(h.classes, h.services)
	}
	if len(h.names) > 0 && !slices.ContainsFunc(h.names, isPrefix) {
		set &= s.Labels.withName(h.names)
	}
	if len(h.services) > 0 {
		set &= s.Labels.withLabel(func(key []byte) bool { return string(key) == serviceKey }, h.services)
	}
	for i := range h.labels {
		set &= s.Labels.withLabel(h.labels[i].stands, h.labels[i].values)
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
	probe := [1]model.KeyValue{{Key: string(key)}}
	_, found := model.Labels{Record: probe[:]}.Get(l.key)
	return found
}

// admits reports whether one block may hold matching rows, by what is known of
// each block.
func (h *Hint) admits(s *Segment, b int) bool {
	block := &s.Blocks[b]
	return h.Times.Overlaps(block.Oldest, block.Newest) && ngram.MayHold(s.filter(b), h.grams)
}
