// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package rowcode

import (
	"cmp"
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

// Encoder writes rows one after the other. What a row shares with those before is
// encoded by its place; a key that the row before had at the same place is not repeated.
type Encoder struct {
	Bytes     []byte
	packed    []byte
	resources map[*model.Resource]int
	scopes    map[*model.Scope]int
	keys      []string
}

// NewEncoder makes an encoder; Reset comes before the first row.
func NewEncoder() *Encoder {
	return &Encoder{resources: map[*model.Resource]int{}, scopes: map[*model.Scope]int{}}
}

// Reset forgets the rows.
func (e *Encoder) Reset() {
	clear(e.resources)
	clear(e.scopes)
	clear(e.keys)
	e.Bytes, e.keys = append(e.Bytes[:0], payloadPlain), e.keys[:0]
}

// Payload returns what was written, compressed. It stands until the next call.
func (e *Encoder) Payload() []byte {
	if len(e.Bytes) < minCompressed {
		return e.Bytes
	}
	if most := 1 + s2.MaxEncodedLen(len(e.Bytes)-1); cap(e.packed) < most {
		e.packed = make([]byte, most)
	}
	e.packed = e.packed[:cap(e.packed)]
	e.packed[0] = payloadS2
	return e.packed[:1+len(s2.Encode(e.packed[1:], e.Bytes[1:]))]
}

// Length is the bytes that were written, before they are compressed.
func (e *Encoder) Length() int { return len(e.Bytes) }

// Held is the bytes of memory that it keeps.
func (e *Encoder) Held() int { return cap(e.Bytes) + cap(e.packed) }

// Encode appends what another encoder writes.
func (e *Encoder) Encode(write func(dst []byte) []byte) { e.Bytes = write(e.Bytes) }

func (e *Encoder) uint(v uint64) { e.Bytes = binary.AppendUvarint(e.Bytes, v) }

func (e *Encoder) text(s string) { e.Bytes = model.AppendText(e.Bytes, s) }

func (e *Encoder) time(t model.Nanos) {
	e.Bytes = binary.LittleEndian.AppendUint64(e.Bytes, uint64(t))
}

func (e *Encoder) origin(resource *model.Resource, scope *model.Scope) {
	place, known := e.resources[resource]
	if !known {
		place = len(e.resources)
		e.resources[resource] = place
	}
	e.uint(uint64(place))
	if !known {
		e.Bytes = model.AppendResource(e.Bytes, cmp.Or(resource, &model.Resource{}))
	}
	place, known = e.scopes[scope]
	if !known {
		place = len(e.scopes)
		e.scopes[scope] = place
	}
	e.uint(uint64(place))
	if !known {
		e.Bytes = model.AppendScope(e.Bytes, cmp.Or(scope, &model.Scope{}))
	}
}

// attributes writes a list; a key as 0 if it is that of the row before, else as its
// length plus 1 and its bytes.
func (e *Encoder) attributes(list model.Attributes) {
	e.uint(uint64(len(list)))
	for i := range list {
		key := list[i].Key
		if i == len(e.keys) {
			e.keys = append(e.keys, "")
		}
		if key != "" && colenc.SameText(e.keys[i], key) {
			e.Bytes = append(e.Bytes, 0)
		} else {
			e.uint(uint64(len(key)) + 1)
			e.Bytes = append(e.Bytes, key...)
			e.keys[i] = key
		}
		e.Bytes = model.AppendValue(e.Bytes, list[i].Value)
	}
}

// Event writes a log record.
func (e *Encoder) Event(row *model.Event) {
	e.origin(row.Resource, row.Scope)
	e.time(row.Time)
	e.time(row.ObservedTime)
	e.text(row.SeverityText)
	e.text(row.Name)
	e.Bytes = model.AppendValue(e.Bytes, row.Body)
	e.attributes(row.Attributes)
	e.Bytes = colenc.AppendID(e.Bytes, row.TraceID, row.SpanID)
	e.uint(colenc.Zigzag(int64(row.SeverityNumber)))
	e.uint(uint64(row.Flags))
	e.uint(uint64(row.DroppedAttributes))
}

// Span writes a span.
func (e *Encoder) Span(row *model.Span) {
	e.origin(row.Resource, row.Scope)
	e.Bytes = colenc.AppendID(e.Bytes, row.TraceID, row.SpanID)
	e.Bytes = append(e.Bytes, row.ParentID[:]...)
	e.time(row.Start)
	e.time(row.End)
	e.text(row.Name)
	e.text(row.TraceState)
	e.text(row.StatusMessage)
	e.attributes(row.Attributes)
	e.Bytes = colenc.AppendNumbers(e.Bytes, colenc.Zigzag(int64(row.Kind)), colenc.Zigzag(int64(row.StatusCode)), uint64(row.Flags),
		uint64(row.DroppedAttributes), uint64(row.DroppedEvents), uint64(row.DroppedLinks))
	e.uint(uint64(len(row.Events)))
	for i := range row.Events {
		event := &row.Events[i]
		e.time(event.Time)
		e.text(event.Name)
		e.uint(uint64(event.DroppedAttributes))
		e.Bytes = model.AppendAttributes(e.Bytes, event.Attributes)
	}
	e.uint(uint64(len(row.Links)))
	for i := range row.Links {
		link := &row.Links[i]
		e.Bytes = colenc.AppendID(e.Bytes, link.TraceID, link.SpanID)
		e.text(link.TraceState)
		e.uint(uint64(link.Flags))
		e.uint(uint64(link.DroppedAttributes))
		e.Bytes = model.AppendAttributes(e.Bytes, link.Attributes)
	}
}

// Points writes a batch of points as it is: it is packed already.
func (e *Encoder) Points(b *model.PointBatch) {
	e.uint(uint64(len(b.Bytes)))
	e.Bytes = append(e.Bytes, b.Bytes...)
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
		e.Bytes = append(e.Bytes, byte(p.Number))
	}
}

func (e *Encoder) stretch(from, to uint32) {
	e.uint(uint64(from))
	e.uint(uint64(to - from))
}

// UnpackPayload returns the rows of a payload.
func UnpackPayload(payload []byte) (string, error) {
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
