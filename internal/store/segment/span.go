// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package segment

import (
	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/store/colenc"
)

// The columns of spans behind those that all rows have.
const (
	columnKind = ownColumns + iota
	columnStatus
	columnDuration
	columnParent // 0: none, else how far from the span's own place, plus 1
	columnState
	columnMessage
	columnSpanFlags
	columnDroppedAttributes
	columnDroppedEvents
	columnDroppedLinks
	columnEvents
	columnLinks
	spanColumns
)

// SpanCodec is the codec of spans.
type SpanCodec struct{}

func (SpanCodec) columns() int { return spanColumns }

func (SpanCodec) deciding() uint64 {
	return 1<<columnTrace | 1<<ColumnResource | 1<<columnName | 1<<columnKind | 1<<columnStatus
}

func (SpanCodec) blockRows() int { return BlockRows }

func (SpanCodec) searched() searched { return searched{names: []int{columnName, columnMessage}} }

func (SpanCodec) number(w *writer, rows []model.Span) {
	for i := range rows {
		w.warmed += w.traces.Warm(rows[i].TraceID) + w.spans.Warm(rows[i].SpanID)
	}
	for i := range rows {
		w.ids[i] = rowIDs{
			trace: w.trace(rows[i].TraceID), span: w.span(rows[i].SpanID), parent: w.span(rows[i].ParentID),
		}
	}
}

func (SpanCodec) write(w *writer, s *model.Span) {
	w.origin(s.Start, s.Resource, s.Scope)
	w.name(s.Name)
	w.columns[columnKind].Put(colenc.Zigzag(int64(s.Kind)))
	w.columns[columnStatus].Put(colenc.Zigzag(int64(s.StatusCode)))
	w.columns[columnDuration].Put(colenc.Zigzag(int64(s.End - s.Start)))
	w.columns[columnParent].Put(w.rowIDs().distance())
	w.columns[columnState].Put(w.text(columnState, s.TraceState))
	message := w.text(columnMessage, s.StatusMessage)
	w.columns[columnMessage].Put(message)
	w.search(message, s.StatusMessage)
	w.columns[columnSpanFlags].Put(uint64(s.Flags))
	w.columns[columnDroppedAttributes].Put(uint64(s.DroppedAttributes))
	w.columns[columnDroppedEvents].Put(uint64(s.DroppedEvents))
	w.columns[columnDroppedLinks].Put(uint64(s.DroppedLinks))
	w.columns[columnEvents].Put(uint64(len(s.Events)))
	w.columns[columnLinks].Put(uint64(len(s.Links)))
	w.attributes(s.Attributes)
	w.spanEvents(s)
	w.spanLinks(s)
}

// distance is how a parent is written: as far as it is from its child, for it
// mostly comes shortly before.
func (ids *rowIDs) distance() uint64 {
	if ids.parent == 0 {
		return 0
	}
	return colenc.Zigzag(int64(ids.span-ids.parent)) + 1
}

func (w *writer) spanEvents(s *model.Span) {
	dst := w.streams[streamExtra]
	for i := range s.Events {
		e := &s.Events[i]
		dst = colenc.AppendNumbers(dst, colenc.Zigzag(int64(e.Time-s.Start)), w.rareText(e.Name), uint64(e.DroppedAttributes))
		dst = colenc.AppendAttributeList(dst, e.Attributes)
	}
	w.streams[streamExtra] = dst
}

func (w *writer) spanLinks(s *model.Span) {
	dst := w.streams[streamExtra]
	for i := range s.Links {
		link := &s.Links[i]
		dst = colenc.AppendID(dst, link.TraceID, link.SpanID)
		dst = colenc.AppendNumbers(dst, w.rareText(link.TraceState), uint64(link.Flags), uint64(link.DroppedAttributes))
		dst = colenc.AppendAttributeList(dst, link.Attributes)
	}
	w.streams[streamExtra] = dst
}

func (SpanCodec) Read(l *Loader, i int, s *model.Span) {
	own := l.Number(columnSpan, i)
	s.TraceID, s.SpanID = l.trace(i), l.span(own)
	if distance := l.Number(columnParent, i); distance > 0 {
		s.ParentID = l.span(own - uint64(colenc.Unzigzag(distance-1)))
	}
	s.Resource, s.Scope = l.origin(i)
	s.Name, s.TraceState, s.StatusMessage = l.Text(columnName, i), l.Text(columnState, i), l.Text(columnMessage, i)
	s.Start = model.Nanos(l.Number(ColumnTime, i))
	s.End = s.Start + model.Nanos(colenc.Unzigzag(l.Number(columnDuration, i)))
	s.Kind, s.StatusCode = int32(colenc.Unzigzag(l.Number(columnKind, i))), int32(colenc.Unzigzag(l.Number(columnStatus, i)))
	s.Flags = uint32(l.Number(columnSpanFlags, i))
	s.DroppedAttributes = uint32(l.Number(columnDroppedAttributes, i))
	s.DroppedEvents = uint32(l.Number(columnDroppedEvents, i))
	s.DroppedLinks = uint32(l.Number(columnDroppedLinks, i))
	s.Attributes = l.attributes(i)
	s.Events = l.spanEvents(i, s.Start)
	s.Links = l.spanLinks(i)
}

func (l *Loader) spanEvents(i int, start model.Nanos) []model.SpanEvent {
	var list []model.SpanEvent
	for range l.elements(columnEvents, i) {
		list = append(list, model.SpanEvent{
			Time: start + model.Nanos(l.extra.Varint()), Name: l.words.Strings[l.extra.Uvarint()],
			DroppedAttributes: uint32(l.extra.Uvarint()), Attributes: colenc.ReadAttributeList(&l.extra),
		})
	}
	return list
}

func (l *Loader) spanLinks(i int) []model.SpanLink {
	var list []model.SpanLink
	for range l.elements(columnLinks, i) {
		var link model.SpanLink
		link.TraceID, link.SpanID = colenc.ReadID(&l.extra)
		link.TraceState = l.words.Strings[l.extra.Uvarint()]
		link.Flags, link.DroppedAttributes = uint32(l.extra.Uvarint()), uint32(l.extra.Uvarint())
		link.Attributes = colenc.ReadAttributeList(&l.extra)
		list = append(list, link)
	}
	return list
}

func (SpanCodec) skip(l *Loader, i int) {
	l.skipAttributes(i)
	l.spanEvents(i, 0)
	l.spanLinks(i)
}

// elements is how many elements of a row are in the stream of what is rare.
func (l *Loader) elements(column, i int) uint64 {
	n := l.Number(column, i)
	if n > uint64(len(l.extra.Bytes)) {
		panic("store: a segment is broken: it holds fewer elements than its header states")
	}
	return n
}
