// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package model

import (
	"encoding/binary"
	"strings"
)

// What is present, by the first byte of a packed extra.
const (
	extraHistogram = 1 << iota
	extraExponential
	extraSummary
	extraExemplars
)

// AppendExtra packs all of a point that is not a plain number: distributions
// and exemplars. It appends nothing where there are none.
func AppendExtra(dst []byte, p *Point) []byte {
	var has byte
	if p.Histogram != nil {
		has |= extraHistogram
	}
	if p.Exponential != nil {
		has |= extraExponential
	}
	if p.Summary != nil {
		has |= extraSummary
	}
	if len(p.Exemplars) > 0 {
		has |= extraExemplars
	}
	if has == 0 {
		return dst
	}
	dst = append(dst, has)
	if p.Histogram != nil {
		dst = appendHistogram(dst, p.Histogram)
	}
	if p.Exponential != nil {
		dst = appendExponential(dst, p.Exponential)
	}
	if p.Summary != nil {
		dst = appendSummary(dst, p.Summary)
	}
	if len(p.Exemplars) > 0 {
		dst = AppendExemplars(dst, p.Exemplars)
	}
	return dst
}

// ReadExtra reads what AppendExtra packed. What the point has already is used
// again: its memory must not be shared.
func (u *Unpacker) ReadExtra(p *Point) {
	has := u.Byte()
	p.Histogram = reuse(p.Histogram, has&extraHistogram != 0)
	p.Exponential = reuse(p.Exponential, has&extraExponential != 0)
	p.Summary = reuse(p.Summary, has&extraSummary != 0)
	p.Exemplars = p.Exemplars[:0]
	if p.Histogram != nil {
		u.readHistogram(p.Histogram)
	}
	if p.Exponential != nil {
		u.readExponential(p.Exponential)
	}
	if p.Summary != nil {
		u.readSummary(p.Summary)
	}
	if has&extraExemplars != 0 {
		p.Exemplars = u.Exemplars(p.Exemplars)
	}
}

func reuse[T any](old *T, wanted bool) *T {
	switch {
	case !wanted:
		return nil
	case old == nil:
		return new(T)
	default:
		return old
	}
}

func appendHistogram(dst []byte, h *Histogram) []byte {
	dst = appendOptionals(binary.AppendUvarint(dst, h.Count), h.Sum, h.Min, h.Max)
	dst = binary.AppendUvarint(dst, uint64(len(h.Bounds)))
	for _, bound := range h.Bounds {
		dst = AppendDouble(dst, bound)
	}
	return appendCounts(dst, h.Counts)
}

func (u *Unpacker) readHistogram(h *Histogram) {
	h.Count, h.Sum, h.Min, h.Max = u.Uint(), u.optional(), u.optional(), u.optional()
	h.Bounds = h.Bounds[:0]
	for range u.Count() {
		h.Bounds = append(h.Bounds, u.Double())
	}
	h.Counts = u.counts(h.Counts)
}

func appendExponential(dst []byte, e *ExponentialHistogram) []byte {
	dst = appendOptionals(binary.AppendUvarint(dst, e.Count), e.Sum, e.Min, e.Max)
	dst = AppendDouble(binary.AppendUvarint(dst, e.ZeroCount), e.ZeroThreshold)
	dst = AppendInt(dst, int64(e.Scale))
	for _, b := range [...]*Buckets{&e.Positive, &e.Negative} {
		dst = appendCounts(AppendInt(dst, int64(b.Offset)), b.Counts)
	}
	return dst
}

func (u *Unpacker) readExponential(e *ExponentialHistogram) {
	e.Count, e.Sum, e.Min, e.Max = u.Uint(), u.optional(), u.optional(), u.optional()
	e.ZeroCount, e.ZeroThreshold, e.Scale = u.Uint(), u.Double(), int32(u.Int())
	for _, b := range [...]*Buckets{&e.Positive, &e.Negative} {
		b.Offset, b.Counts = int32(u.Int()), u.counts(b.Counts)
	}
}

func appendSummary(dst []byte, s *Summary) []byte {
	dst = AppendDouble(binary.AppendUvarint(dst, s.Count), s.Sum)
	dst = binary.AppendUvarint(dst, uint64(len(s.Quantiles)))
	for _, q := range s.Quantiles {
		dst = AppendDouble(AppendDouble(dst, q.Q), q.Value)
	}
	return dst
}

func (u *Unpacker) readSummary(s *Summary) {
	s.Count, s.Sum, s.Quantiles = u.Uint(), u.Double(), s.Quantiles[:0]
	for range u.Count() {
		s.Quantiles = append(s.Quantiles, Quantile{Q: u.Double(), Value: u.Double()})
	}
}

// AppendExemplars packs exemplars.
func AppendExemplars(dst []byte, list []Exemplar) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(list)))
	for i := range list {
		e := &list[i]
		dst = binary.LittleEndian.AppendUint64(dst, uint64(e.Time))
		dst = binary.LittleEndian.AppendUint64(append(dst, byte(e.Number)), e.Bits)
		dst = append(append(dst, e.TraceID[:]...), e.SpanID[:]...)
		dst = AppendAttributes(dst, e.Attributes)
	}
	return dst
}

// Exemplars reads and appends exemplars, with copies of their texts: they are
// kept long after what surrounds them.
func (u *Unpacker) Exemplars(list []Exemplar) []Exemplar {
	n := u.Count()
	own := Unpack(strings.Clone(u.rest))
	for range n {
		e := Exemplar{Time: Nanos(own.Bits()), Number: NumberKind(own.Byte()), Bits: own.Bits()}
		copy(e.TraceID[:], own.Take(uint64(len(e.TraceID))))
		copy(e.SpanID[:], own.Take(uint64(len(e.SpanID))))
		e.Attributes = own.Attributes()
		list = append(list, e)
	}
	u.rest, u.broken = u.rest[len(u.rest)-len(own.rest):], u.broken || own.broken
	return list
}

func appendOptionals(dst []byte, list ...Optional) []byte {
	for _, o := range list {
		if !o.Set {
			dst = append(dst, 0)
			continue
		}
		dst = AppendDouble(append(dst, 1), o.Value)
	}
	return dst
}

func (u *Unpacker) optional() Optional {
	if u.Byte() == 0 {
		return Optional{}
	}
	return Optional{Value: u.Double(), Set: true}
}

func appendCounts(dst []byte, counts []uint64) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(counts)))
	for _, n := range counts {
		dst = binary.AppendUvarint(dst, n)
	}
	return dst
}

func (u *Unpacker) counts(list []uint64) []uint64 {
	list = list[:0]
	for range u.Count() {
		list = append(list, u.Uint())
	}
	return list
}
