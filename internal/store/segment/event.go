// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package segment

import (
	"encoding/hex"
	"strings"

	"github.com/cespare/xxhash/v2"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/store/colenc"
)

// The columns of log records behind those that all rows have.
const (
	ColumnSeverity = ownColumns + iota
	ColumnSeverityText
	columnEventFlags
	columnEventDropped
	columnClock    // which times the record has
	columnObserved // how much later it was observed, if both are there
	columnBody     // how the body is written
	columnLength   // bytes in streamBody
	eventColumns
)

// What columnClock says.
const (
	clockTime     = iota // the time alone
	clockBoth            // observed at another time
	clockObserved        // observed, the time is not known
)

// What columnBody says, beside the kind of a body in streamExtra.
const (
	bodyText   = 16 + iota // a string
	bodyWithID             // a string that names the record's own trace or span
)

// Marks that stand for the record's own ids in a body. Log libraries like to
// print them, and ids are what compresses worst.
const (
	markTrace = 1
	markSpan  = 2
)

// EventCodec is the codec of log records.
type EventCodec struct{}

func (EventCodec) columns() int { return eventColumns }

func (EventCodec) deciding() uint64 {
	return 1<<columnTrace | 1<<ColumnResource | 1<<columnName | 1<<ColumnSeverity
}

func (EventCodec) blockRows() int { return BlockRows }

func (EventCodec) searched() searched { return searched{names: []int{columnName}, body: true} }

func (EventCodec) number(w *writer, rows []model.Event) {
	for i := range rows {
		w.warmed += w.traces.Warm(rows[i].TraceID) + w.spans.Warm(rows[i].SpanID)
	}
	for i := range rows {
		w.ids[i] = rowIDs{trace: w.trace(rows[i].TraceID), span: w.span(rows[i].SpanID)}
	}
}

func (EventCodec) write(w *writer, e *model.Event) {
	w.origin(e.When(), e.Resource, e.Scope)
	w.name(e.Name)
	w.index.severity(e.Severity(), e.Resource, w.resource)
	w.columns[ColumnSeverity].Put(colenc.Zigzag(int64(e.SeverityNumber)))
	w.columns[ColumnSeverityText].Put(w.text(ColumnSeverityText, e.SeverityText))
	w.columns[columnEventFlags].Put(uint64(e.Flags))
	w.columns[columnEventDropped].Put(uint64(e.DroppedAttributes))
	clock, later := clockOf(e)
	w.columns[columnClock].Put(clock)
	w.columns[columnObserved].Put(later)
	w.attributes(e.Attributes)
	w.body(e)
	if uid := e.UID(); uid != "" {
		w.segment.uids = append(w.segment.uids, UIDPlace{xxhash.Sum64String(uid), uint32(w.row)})
	}
}

func clockOf(e *model.Event) (clock, later uint64) {
	switch {
	case e.Time == 0:
		return clockObserved, 0
	case e.ObservedTime == 0:
		return clockTime, 0
	default:
		return clockBoth, colenc.Zigzag(int64(e.ObservedTime - e.Time))
	}
}

func (w *writer) body(e *model.Event) {
	kind := e.Body.Kind()
	if kind != model.KindString {
		w.columns[columnBody].Put(uint64(kind))
		w.columns[columnLength].Put(0)
		w.streams[streamExtra] = colenc.AppendContent(w.streams[streamExtra], e.Body)
		w.grams.Add(e.Body.Text())
		return
	}
	text := e.Body.Str()
	w.grams.AddAfter(w.bodyBefore, text)
	w.bodyBefore = text
	how, short := uint64(bodyText), w.withMarks(text, e)
	if len(short) < len(text) {
		how, text = bodyWithID, short
	}
	w.columns[columnBody].Put(how)
	w.columns[columnLength].Put(uint64(len(text)))
	w.streams[streamBody] = append(w.streams[streamBody], text...)
}

const (
	// unmarkedBodies is how many bodies in a row without an id in them let the
	// writer look into one of triedBodies only: a source that prints ids mostly
	// prints them in many.
	unmarkedBodies = 64
	triedBodies    = 8
)

// withMarks is withMarks where it is likely to find something.
func (w *writer) withMarks(text string, e *model.Event) string {
	if w.unmarked >= unmarkedBodies && w.row%triedBodies != 0 {
		return text
	}
	short := withMarks(text, e.TraceID, e.SpanID)
	w.unmarked++
	if len(short) < len(text) {
		w.unmarked = 0
	}
	return short
}

// withMarks puts marks in the place of the record's own ids. A text that has
// such marks already stays as it is.
func withMarks(text string, trace model.TraceID, span model.SpanID) string {
	if trace.IsZero() && span.IsZero() || strings.IndexByte(text, markTrace) >= 0 || strings.IndexByte(text, markSpan) >= 0 {
		return text
	}
	var digits [2 * (len(trace) + len(span))]byte
	ids := hex.AppendEncode(hex.AppendEncode(digits[:0], trace[:]), span[:])
	text = strings.ReplaceAll(text, string(ids[:2*len(trace)]), string(rune(markTrace)))
	return strings.ReplaceAll(text, string(ids[2*len(trace):]), string(rune(markSpan)))
}

// withoutMarks undoes withMarks.
func withoutMarks(text []byte, trace model.TraceID, span model.SpanID) string {
	return string(appendWithoutMarks(make([]byte, 0, len(text)+2*hex.EncodedLen(len(trace))), text, trace, span))
}

func appendWithoutMarks(dst, text []byte, trace model.TraceID, span model.SpanID) []byte {
	for _, c := range text {
		switch c {
		case markTrace:
			dst = hex.AppendEncode(dst, trace[:])
		case markSpan:
			dst = hex.AppendEncode(dst, span[:])
		default:
			dst = append(dst, c)
		}
	}
	return dst
}

func (EventCodec) Read(l *Loader, i int, e *model.Event) {
	e.TraceID, e.SpanID = l.trace(i), l.span(l.Number(columnSpan, i))
	e.Resource, e.Scope = l.origin(i)
	e.Name, e.SeverityText = l.Text(columnName, i), l.Text(ColumnSeverityText, i)
	e.SeverityNumber = int32(colenc.Unzigzag(l.Number(ColumnSeverity, i)))
	e.Flags = uint32(l.Number(columnEventFlags, i))
	e.DroppedAttributes = uint32(l.Number(columnEventDropped, i))
	e.Time, e.ObservedTime = l.clock(i)
	e.Attributes = l.attributes(i)
	e.Body = l.readBody(i, e)
}

func (l *Loader) clock(i int) (time, observed model.Nanos) {
	when := model.Nanos(l.Number(ColumnTime, i))
	switch l.Number(columnClock, i) {
	case clockTime:
		return when, 0
	case clockObserved:
		return 0, when
	default:
		return when, when + model.Nanos(colenc.Unzigzag(l.Number(columnObserved, i)))
	}
}

func (l *Loader) readBody(i int, e *model.Event) model.Value {
	switch how := l.Number(columnBody, i); how {
	case bodyText:
		return model.StringValue(string(l.body.Take(int(l.Number(columnLength, i)))))
	case bodyWithID:
		return model.StringValue(withoutMarks(l.body.Take(int(l.Number(columnLength, i))), e.TraceID, e.SpanID))
	default:
		return colenc.ReadContent(&l.extra, model.Kind(how))
	}
}

func (EventCodec) skip(l *Loader, i int) {
	l.skipAttributes(i)
	l.body.Take(int(l.Number(columnLength, i)))
	if how := l.Number(columnBody, i); how < bodyText {
		colenc.SkipContent(&l.extra, model.Kind(how))
	}
}
