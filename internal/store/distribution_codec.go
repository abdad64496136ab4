// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"encoding/binary"
	"math"

	"github.com/tapio/tapio/internal/tapio"
)

// appendDistributions writes what a point has of these.
func appendDistributions(dst []byte, p *tapio.Point) []byte {
	if p.Histogram != nil {
		dst = appendHistogram(dst, p.Histogram)
	}
	if p.Exponential != nil {
		dst = appendExponential(dst, p.Exponential)
	}
	if p.Summary != nil {
		dst = appendSummary(dst, p.Summary)
	}
	return dst
}

func readDistributions(c *cursor, parts uint64, p *tapio.Point) {
	if parts&partHistogram != 0 {
		p.Histogram = readHistogram(c)
	}
	if parts&partExponential != 0 {
		p.Exponential = readExponential(c)
	}
	if parts&partSummary != 0 {
		p.Summary = readSummary(c)
	}
}

func appendHistogram(dst []byte, h *tapio.Histogram) []byte {
	dst = appendOptionals(binary.AppendUvarint(dst, h.Count), h.Sum, h.Min, h.Max)
	dst = binary.AppendUvarint(dst, uint64(len(h.Bounds)))
	for _, bound := range h.Bounds {
		dst = appendFloat(dst, bound)
	}
	return appendCounts(dst, h.Counts)
}

func readHistogram(c *cursor) *tapio.Histogram {
	h := &tapio.Histogram{Count: c.uvarint(), Sum: c.optional(), Min: c.optional(), Max: c.optional()}
	if n := c.uvarint(); n > 0 {
		h.Bounds = make([]float64, n)
		for i := range h.Bounds {
			h.Bounds[i] = c.float()
		}
	}
	h.Counts = c.counts()
	return h
}

func appendExponential(dst []byte, e *tapio.ExponentialHistogram) []byte {
	dst = appendOptionals(binary.AppendUvarint(dst, e.Count), e.Sum, e.Min, e.Max)
	dst = appendFloat(binary.AppendUvarint(dst, e.ZeroCount), e.ZeroThreshold)
	dst = binary.AppendUvarint(dst, zigzag(int64(e.Scale)))
	for _, b := range [...]*tapio.Buckets{&e.Positive, &e.Negative} {
		dst = appendCounts(binary.AppendUvarint(dst, zigzag(int64(b.Offset))), b.Counts)
	}
	return dst
}

func readExponential(c *cursor) *tapio.ExponentialHistogram {
	e := &tapio.ExponentialHistogram{Count: c.uvarint(), Sum: c.optional(), Min: c.optional(), Max: c.optional()}
	e.ZeroCount, e.ZeroThreshold, e.Scale = c.uvarint(), c.float(), int32(c.varint())
	for _, b := range [...]*tapio.Buckets{&e.Positive, &e.Negative} {
		b.Offset, b.Counts = int32(c.varint()), c.counts()
	}
	return e
}

func appendSummary(dst []byte, s *tapio.Summary) []byte {
	dst = appendFloat(binary.AppendUvarint(dst, s.Count), s.Sum)
	dst = binary.AppendUvarint(dst, uint64(len(s.Quantiles)))
	for _, q := range s.Quantiles {
		dst = appendFloat(appendFloat(dst, q.Q), q.Value)
	}
	return dst
}

func readSummary(c *cursor) *tapio.Summary {
	s := &tapio.Summary{Count: c.uvarint(), Sum: c.float()}
	for range c.uvarint() {
		s.Quantiles = append(s.Quantiles, tapio.Quantile{Q: c.float(), Value: c.float()})
	}
	return s
}

func appendExemplar(dst []byte, e *tapio.Exemplar) []byte {
	dst = appendNumbers(dst, uint64(e.Time), uint64(e.Number), e.Bits)
	return appendAttributeList(appendID(dst, e.TraceID, e.SpanID), e.Attributes)
}

func readExemplar(c *cursor) tapio.Exemplar {
	e := tapio.Exemplar{Time: tapio.Nanos(c.uvarint()), Number: tapio.NumberKind(c.uvarint()), Bits: c.uvarint()}
	e.TraceID, e.SpanID = readID(c)
	e.Attributes = readAttributeList(c)
	return e
}

func appendFloat(dst []byte, f float64) []byte {
	return binary.LittleEndian.AppendUint64(dst, math.Float64bits(f))
}

func (c *cursor) float() float64 { return math.Float64frombits(binary.LittleEndian.Uint64(c.take(8))) }

func appendOptionals(dst []byte, list ...tapio.Optional) []byte {
	for _, o := range list {
		if !o.Set {
			dst = append(dst, 0)
			continue
		}
		dst = appendFloat(append(dst, 1), o.Value)
	}
	return dst
}

func (c *cursor) optional() tapio.Optional {
	if c.take(1)[0] == 0 {
		return tapio.Optional{}
	}
	return tapio.Optional{Value: c.float(), Set: true}
}

func appendCounts(dst []byte, counts []uint64) []byte {
	return appendNumbers(binary.AppendUvarint(dst, uint64(len(counts))), counts...)
}

func (c *cursor) counts() []uint64 {
	n := c.uvarint()
	if n == 0 {
		return nil
	}
	counts := make([]uint64, n)
	for i := range counts {
		counts[i] = c.uvarint()
	}
	return counts
}
