// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/klauspost/compress/s2"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/store/colenc"
	"github.com/tapio/tapio/internal/store/wal"
)

// How the payload of a record of the write-ahead log is written; its first byte.
const (
	payloadPlain = iota
	payloadS2
)

// minCompressed is the fewest bytes worth compressing.
const minCompressed = 512

var errPayload = errors.New("a record cannot be decoded")

// rowEncoder writes rows one after the other. What a row shares with those before is
// encoded by its place; a key that the row before had at the same place is not repeated.
type rowEncoder struct {
	bytes     []byte
	packed    []byte
	resources map[*model.Resource]int
	scopes    map[*model.Scope]int
	keys      []string
}

func newRowEncoder() *rowEncoder {
	return &rowEncoder{resources: map[*model.Resource]int{}, scopes: map[*model.Scope]int{}}
}

// reset forgets the rows.
func (e *rowEncoder) reset() {
	clear(e.resources)
	clear(e.scopes)
	clear(e.keys)
	e.bytes, e.keys = append(e.bytes[:0], payloadPlain), e.keys[:0]
}

// payload returns what was written, compressed. It stands until the next call.
func (e *rowEncoder) payload() []byte {
	if len(e.bytes) < minCompressed {
		return e.bytes
	}
	if most := 1 + s2.MaxEncodedLen(len(e.bytes)-1); cap(e.packed) < most {
		e.packed = make([]byte, most)
	}
	e.packed = e.packed[:cap(e.packed)]
	e.packed[0] = payloadS2
	return e.packed[:1+len(s2.Encode(e.packed[1:], e.bytes[1:]))]
}

func (e *rowEncoder) uint(v uint64) { e.bytes = binary.AppendUvarint(e.bytes, v) }

func (e *rowEncoder) text(s string) { e.bytes = model.AppendText(e.bytes, s) }

func (e *rowEncoder) time(t model.Nanos) {
	e.bytes = binary.LittleEndian.AppendUint64(e.bytes, uint64(t))
}

func (e *rowEncoder) origin(resource *model.Resource, scope *model.Scope) {
	place, known := e.resources[resource]
	if !known {
		place = len(e.resources)
		e.resources[resource] = place
	}
	e.uint(uint64(place))
	if !known {
		e.bytes = model.AppendResource(e.bytes, orElse(resource, &model.Resource{}))
	}
	place, known = e.scopes[scope]
	if !known {
		place = len(e.scopes)
		e.scopes[scope] = place
	}
	e.uint(uint64(place))
	if !known {
		e.bytes = model.AppendScope(e.bytes, orElse(scope, &model.Scope{}))
	}
}

// attributes writes a list; a key as 0 if it is that of the row before, else as its
// length plus 1 and its bytes.
func (e *rowEncoder) attributes(list model.Attributes) {
	e.uint(uint64(len(list)))
	for i := range list {
		key := list[i].Key
		if i == len(e.keys) {
			e.keys = append(e.keys, "")
		}
		if key != "" && colenc.SameText(e.keys[i], key) {
			e.bytes = append(e.bytes, 0)
		} else {
			e.uint(uint64(len(key)) + 1)
			e.bytes = append(e.bytes, key...)
			e.keys[i] = key
		}
		e.bytes = model.AppendValue(e.bytes, list[i].Value)
	}
}

func (e *rowEncoder) event(row *model.Event) {
	e.origin(row.Resource, row.Scope)
	e.time(row.Time)
	e.time(row.ObservedTime)
	e.text(row.SeverityText)
	e.text(row.Name)
	e.bytes = model.AppendValue(e.bytes, row.Body)
	e.attributes(row.Attributes)
	e.bytes = appendID(e.bytes, row.TraceID, row.SpanID)
	e.uint(colenc.Zigzag(int64(row.SeverityNumber)))
	e.uint(uint64(row.Flags))
	e.uint(uint64(row.DroppedAttributes))
}

func (e *rowEncoder) span(row *model.Span) {
	e.origin(row.Resource, row.Scope)
	e.bytes = appendID(e.bytes, row.TraceID, row.SpanID)
	e.bytes = append(e.bytes, row.ParentID[:]...)
	e.time(row.Start)
	e.time(row.End)
	e.text(row.Name)
	e.text(row.TraceState)
	e.text(row.StatusMessage)
	e.attributes(row.Attributes)
	e.bytes = appendNumbers(e.bytes, colenc.Zigzag(int64(row.Kind)), colenc.Zigzag(int64(row.StatusCode)), uint64(row.Flags),
		uint64(row.DroppedAttributes), uint64(row.DroppedEvents), uint64(row.DroppedLinks))
	e.uint(uint64(len(row.Events)))
	for i := range row.Events {
		event := &row.Events[i]
		e.time(event.Time)
		e.text(event.Name)
		e.uint(uint64(event.DroppedAttributes))
		e.bytes = model.AppendAttributes(e.bytes, event.Attributes)
	}
	e.uint(uint64(len(row.Links)))
	for i := range row.Links {
		link := &row.Links[i]
		e.bytes = appendID(e.bytes, link.TraceID, link.SpanID)
		e.text(link.TraceState)
		e.uint(uint64(link.Flags))
		e.uint(uint64(link.DroppedAttributes))
		e.bytes = model.AppendAttributes(e.bytes, link.Attributes)
	}
}

// points writes a batch of points as it is: it is packed already.
func (e *rowEncoder) points(b *model.PointBatch) {
	e.uint(uint64(len(b.Bytes)))
	e.bytes = append(e.bytes, b.Bytes...)
	e.uint(uint64(len(b.Origins)))
	for i := range b.Origins {
		for _, part := range [...]model.Packed{b.Origins[i].Metric, b.Origins[i].Resource, b.Origins[i].Scope} {
			e.stretch(part.From, part.To)
		}
	}
	for i := range b.Points {
		p := &b.Points[i]
		e.stretch(p.Attributes.From, p.Attributes.To)
		e.stretch(p.ExtraFrom, p.ExtraTo)
		e.time(p.Time)
		e.time(p.Start)
		e.time(model.Nanos(p.Bits))
		e.uint(uint64(p.Origin))
		e.uint(uint64(p.Flags))
		e.bytes = append(e.bytes, byte(p.Number))
	}
}

func (e *rowEncoder) stretch(from, to uint32) {
	e.uint(uint64(from))
	e.uint(uint64(to - from))
}

// unpackPayload returns the rows of a payload.
func unpackPayload(payload []byte) (string, error) {
	if len(payload) == 0 {
		return "", errPayload
	}
	switch payload[0] {
	case payloadPlain:
		return string(payload[1:]), nil
	case payloadS2:
		length, err := s2.DecodedLen(payload[1:])
		if err == nil && length > wal.MaxPayload {
			err = fmt.Errorf("it has %d bytes, at most %d", length, wal.MaxPayload)
		}
		if err != nil {
			return "", fmt.Errorf("%w: %w", errPayload, err)
		}
		rows, err := s2.Decode(nil, payload[1:])
		if err != nil {
			return "", fmt.Errorf("%w: %w", errPayload, err)
		}
		return string(rows), nil
	default:
		return "", fmt.Errorf("%w: written in the way %d", errPayload, payload[0])
	}
}
