// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package rowcode

import (
	"github.com/cespare/xxhash/v2"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/store/colenc"
)

// Decoder reads what a rowEncoder wrote. Foreign bytes make it broken, as they do
// an Unpacker; rows that it read till then are not to be used.
type Decoder struct {
	model.Unpacker
	resources []*model.Resource
	scopes    []*model.Scope
	keys      []string
	bad       bool
}

func (d *Decoder) broken() bool { return d.bad || d.Broken() }

func (d *Decoder) time() model.Nanos { return model.Nanos(d.Bits()) }

func (d *Decoder) origin() (*model.Resource, *model.Scope) {
	resource := place(d, &d.resources, d.Resource)
	return resource, place(d, &d.scopes, d.Scope)
}

// place reads something by its place, or the first time itself.
func place[T any](d *Decoder, known *[]*T, read func() *T) *T {
	at := d.Uint()
	if at == uint64(len(*known)) && !d.broken() {
		*known = append(*known, read())
	}
	if at >= uint64(len(*known)) {
		d.bad = true
		return new(T)
	}
	return (*known)[at]
}

func (d *Decoder) attributes() model.Attributes {
	n := d.Count()
	if n == 0 {
		return nil
	}
	list := make(model.Attributes, 0, n)
	for i := range n {
		if i == len(d.keys) {
			d.keys = append(d.keys, "")
		}
		if length := d.Uint(); length > 0 {
			d.keys[i] = d.Take(length - 1)
		}
		list = append(list, model.KeyValue{Key: d.keys[i], Value: d.Value()})
		if d.broken() {
			return nil
		}
	}
	return list
}

func (d *Decoder) ids() (trace model.TraceID, span model.SpanID) {
	copy(trace[:], d.Take(uint64(len(trace))))
	copy(span[:], d.Take(uint64(len(span))))
	return trace, span
}

func (d *Decoder) signed() int32 { return int32(colenc.Unzigzag(d.Uint())) }

// Event reads what Encoder.Event wrote.
func (d *Decoder) Event() (row model.Event) {
	row.Resource, row.Scope = d.origin()
	row.Time, row.ObservedTime = d.time(), d.time()
	row.SeverityText, row.Name, row.Body = d.Text(), d.Text(), d.Value()
	row.Attributes = d.attributes()
	row.TraceID, row.SpanID = d.ids()
	row.SeverityNumber, row.Flags, row.DroppedAttributes = d.signed(), uint32(d.Uint()), uint32(d.Uint())
	return row
}

// Span reads what Encoder.Span wrote.
func (d *Decoder) Span() (row model.Span) {
	row.Resource, row.Scope = d.origin()
	row.TraceID, row.SpanID = d.ids()
	copy(row.ParentID[:], d.Take(uint64(len(row.ParentID))))
	row.Start, row.End = d.time(), d.time()
	row.Name, row.TraceState, row.StatusMessage = d.Text(), d.Text(), d.Text()
	row.Attributes = d.attributes()
	row.Kind, row.StatusCode, row.Flags = d.signed(), d.signed(), uint32(d.Uint())
	row.DroppedAttributes, row.DroppedEvents, row.DroppedLinks = uint32(d.Uint()), uint32(d.Uint()), uint32(d.Uint())
	for range d.Count() {
		row.Events = append(row.Events, model.SpanEvent{
			Time: d.time(), Name: d.Text(), DroppedAttributes: uint32(d.Uint()), Attributes: d.Attributes(),
		})
	}
	for range d.Count() {
		var link model.SpanLink
		link.TraceID, link.SpanID = d.ids()
		link.TraceState, link.Flags, link.DroppedAttributes = d.Text(), uint32(d.Uint()), uint32(d.Uint())
		link.Attributes = d.Attributes()
		row.Links = append(row.Links, link)
	}
	return row
}

// DecodeRows reads count rows, which must be all.
func DecodeRows[R any](payload []byte, count uint32, read func(*Decoder) R) ([]R, error) {
	packed, err := UnpackPayload(payload)
	if err != nil {
		return nil, err
	}
	d := Decoder{Unpacker: model.Unpack(packed)}
	rows := make([]R, 0, min(int(count), len(packed)))
	for range count {
		row := read(&d)
		if d.broken() {
			return nil, errPayload
		}
		rows = append(rows, row)
	}
	if !d.Done() {
		return nil, errPayload
	}
	return rows, nil
}

// DecodePoints reads a batch of count points.
func DecodePoints(payload []byte, count uint32) (*model.PointBatch, error) {
	packed, err := UnpackPayload(payload)
	if err != nil {
		return nil, err
	}
	d := Decoder{Unpacker: model.Unpack(packed)}
	b := &model.PointBatch{Bytes: []byte(d.Text())}
	for range d.Count() {
		b.Origins = append(b.Origins, model.PackedOrigin{Metric: d.word(b), Resource: d.word(b), Scope: d.word(b)})
	}
	b.Points = make([]model.PackedPoint, 0, min(int(count), len(packed)))
	for range count {
		p := model.PackedPoint{Attributes: d.word(b)}
		p.ExtraFrom, p.ExtraTo = d.stretch(b)
		p.Time, p.Start, p.Bits = d.time(), d.time(), d.Bits()
		p.Origin, p.Flags, p.Number = uint32(d.Uint()), uint32(d.Uint()), model.NumberKind(d.Byte())
		if d.broken() || int(p.Origin) >= len(b.Origins) {
			return nil, errPayload
		}
		b.Points = append(b.Points, p)
	}
	if d.broken() || !d.Done() {
		return nil, errPayload
	}
	return b, nil
}

func (d *Decoder) stretch(b *model.PointBatch) (from, to uint32) {
	start, length := d.Uint(), d.Uint()
	if start > uint64(len(b.Bytes)) || length > uint64(len(b.Bytes))-start {
		d.bad = true
		return 0, 0
	}
	return uint32(start), uint32(start + length)
}

func (d *Decoder) word(b *model.PointBatch) model.Packed {
	from, to := d.stretch(b)
	return model.Packed{From: from, To: to, Hash: xxhash.Sum64(b.Bytes[from:to])}
}
