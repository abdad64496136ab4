// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package colenc

import (
	"encoding/binary"
	"math"
	"math/bits"
	"slices"

	"github.com/tapio/tapio/internal/model"
)

// What the first byte of an extra says of it.
const (
	hasHistogram = 1 << iota
	hasExponential
	hasSummary
	hasExemplars
	sameBounds // the histogram has those of the point before
)

// maxBounds is how many bounds a segment names once.
const maxBounds = 64

// ExtraCoder writes and reads the distributions and exemplars of the points of
// one series: each by how it differs from the one before, for most buckets do
// not change from scrape to scrape, and bounds never.
type ExtraCoder struct {
	Bounds      [][]float64 // those of the segment's histograms
	histogram   model.Histogram
	exponential model.ExponentialHistogram
	summary     model.Summary
	scratch     []byte
}

// Begin starts the next series.
func (c *ExtraCoder) Begin() {
	*c = ExtraCoder{Bounds: c.Bounds, scratch: c.scratch}
}

// Append appends what a point has besides time and value.
func (c *ExtraCoder) Append(dst []byte, p *model.Point) []byte {
	at := len(dst)
	dst = append(dst, 0)
	if p.Histogram != nil {
		dst[at] |= hasHistogram
		if slices.EqualFunc(p.Histogram.Bounds, c.histogram.Bounds, sameFloat) {
			dst[at] |= sameBounds
		}
		dst = c.appendHistogram(dst, p.Histogram)
	}
	if p.Exponential != nil {
		dst[at] |= hasExponential
		dst = c.appendExponential(dst, p.Exponential)
	}
	if p.Summary != nil {
		dst[at] |= hasSummary
		dst = c.appendSummary(dst, p.Summary)
	}
	if len(p.Exemplars) > 0 {
		dst[at] |= hasExemplars
		c.scratch = model.AppendExemplars(c.scratch[:0], p.Exemplars)
		dst = append(binary.AppendUvarint(dst, uint64(len(c.scratch))), c.scratch...)
	}
	return dst
}

// Read restores the next extra into a point that has none.
func (c *ExtraCoder) Read(u *model.Unpacker, p *model.Point) {
	has := u.Byte()
	if has&hasHistogram != 0 {
		p.Histogram = c.readHistogram(u, has&sameBounds != 0)
	}
	if has&hasExponential != 0 {
		p.Exponential = c.readExponential(u)
	}
	if has&hasSummary != 0 {
		p.Summary = c.readSummary(u)
	}
	if has&hasExemplars != 0 {
		own := model.Unpack(u.Text())
		p.Exemplars = own.Exemplars(nil)
	}
}

// sameFloat compares bits, so that -0 stays apart from 0, and NaN is itself.
func sameFloat(a, b float64) bool { return math.Float64bits(a) == math.Float64bits(b) }

func (c *ExtraCoder) appendHistogram(dst []byte, h *model.Histogram) []byte {
	was := &c.histogram
	dst = model.AppendInt(dst, int64(h.Count-was.Count))
	dst = appendOptional(dst, h.Sum, was.Sum)
	dst = appendOptional(dst, h.Min, was.Min)
	dst = appendOptional(dst, h.Max, was.Max)
	if !slices.EqualFunc(h.Bounds, was.Bounds, sameFloat) {
		dst = c.appendBounds(dst, h.Bounds)
	}
	dst = appendCountsAfter(dst, h.Counts, was.Counts)
	c.histogram = *h
	c.histogram.Bounds, c.histogram.Counts = slices.Clone(h.Bounds), slices.Clone(h.Counts)
	return dst
}

// appendBounds writes which of the segment's bounds these are. Nearly all
// histograms have one of a few, so that the newest are looked at first.
func (c *ExtraCoder) appendBounds(dst []byte, bounds []float64) []byte {
	for i := range slices.Backward(c.Bounds) {
		if slices.EqualFunc(c.Bounds[i], bounds, sameFloat) {
			return binary.AppendUvarint(dst, uint64(i)+1)
		}
	}
	if len(c.Bounds) < maxBounds {
		c.Bounds = append(c.Bounds, slices.Clone(bounds))
		return binary.AppendUvarint(dst, uint64(len(c.Bounds)))
	}
	dst = binary.AppendUvarint(append(dst, 0), uint64(len(bounds)))
	for _, bound := range bounds {
		dst = model.AppendDouble(dst, bound)
	}
	return dst
}

func (c *ExtraCoder) readBounds(u *model.Unpacker) (bounds []float64) {
	if i := u.Uint(); i > 0 {
		if i <= uint64(len(c.Bounds)) {
			return c.Bounds[i-1]
		}
		return nil
	}
	for range u.Count() {
		bounds = append(bounds, u.Double())
	}
	return bounds
}

func (c *ExtraCoder) readHistogram(u *model.Unpacker, boundsStay bool) *model.Histogram {
	was := &c.histogram
	h := &model.Histogram{Count: was.Count + uint64(u.Int())}
	h.Sum, h.Min, h.Max = readOptional(u, was.Sum), readOptional(u, was.Min), readOptional(u, was.Max)
	h.Bounds = was.Bounds
	if !boundsStay {
		h.Bounds = c.readBounds(u)
	}
	h.Counts = readCountsAfter(u, was.Counts)
	c.histogram = *h
	return h
}

func (c *ExtraCoder) appendExponential(dst []byte, e *model.ExponentialHistogram) []byte {
	was := &c.exponential
	dst = model.AppendInt(dst, int64(e.Count-was.Count))
	dst = appendOptional(dst, e.Sum, was.Sum)
	dst = appendOptional(dst, e.Min, was.Min)
	dst = appendOptional(dst, e.Max, was.Max)
	dst = model.AppendInt(dst, int64(e.ZeroCount-was.ZeroCount))
	dst = appendFloatAfter(dst, e.ZeroThreshold, was.ZeroThreshold)
	dst = model.AppendInt(dst, int64(e.Scale)-int64(was.Scale))
	dst = appendBuckets(dst, &e.Positive, &was.Positive)
	dst = appendBuckets(dst, &e.Negative, &was.Negative)
	c.exponential = *e
	c.exponential.Positive.Counts = slices.Clone(e.Positive.Counts)
	c.exponential.Negative.Counts = slices.Clone(e.Negative.Counts)
	return dst
}

func (c *ExtraCoder) readExponential(u *model.Unpacker) *model.ExponentialHistogram {
	was := &c.exponential
	e := &model.ExponentialHistogram{Count: was.Count + uint64(u.Int())}
	e.Sum, e.Min, e.Max = readOptional(u, was.Sum), readOptional(u, was.Min), readOptional(u, was.Max)
	e.ZeroCount = was.ZeroCount + uint64(u.Int())
	e.ZeroThreshold = readFloatAfter(u, was.ZeroThreshold)
	e.Scale = int32(int64(was.Scale) + u.Int())
	e.Positive, e.Negative = readBuckets(u, &was.Positive), readBuckets(u, &was.Negative)
	c.exponential = *e
	return e
}

func appendBuckets(dst []byte, b, was *model.Buckets) []byte {
	dst = model.AppendInt(dst, int64(b.Offset)-int64(was.Offset))
	return appendCountsAfter(dst, b.Counts, was.Counts)
}

func readBuckets(u *model.Unpacker, was *model.Buckets) model.Buckets {
	return model.Buckets{Offset: int32(int64(was.Offset) + u.Int()), Counts: readCountsAfter(u, was.Counts)}
}

func (c *ExtraCoder) appendSummary(dst []byte, s *model.Summary) []byte {
	was := &c.summary
	dst = appendFloatAfter(model.AppendInt(dst, int64(s.Count-was.Count)), s.Sum, was.Sum)
	dst = binary.AppendUvarint(dst, uint64(len(s.Quantiles)))
	for i, q := range s.Quantiles {
		before := quantileAt(was, i)
		dst = appendFloatAfter(appendFloatAfter(dst, q.Q, before.Q), q.Value, before.Value)
	}
	c.summary = *s
	c.summary.Quantiles = slices.Clone(s.Quantiles)
	return dst
}

func (c *ExtraCoder) readSummary(u *model.Unpacker) *model.Summary {
	was := &c.summary
	s := &model.Summary{Count: was.Count + uint64(u.Int()), Sum: readFloatAfter(u, was.Sum)}
	for i := range u.Count() {
		before := quantileAt(was, i)
		s.Quantiles = append(s.Quantiles, model.Quantile{Q: readFloatAfter(u, before.Q), Value: readFloatAfter(u, before.Value)})
	}
	c.summary = *s
	return s
}

func quantileAt(s *model.Summary, i int) model.Quantile {
	if i < len(s.Quantiles) {
		return s.Quantiles[i]
	}
	return model.Quantile{}
}

// appendFloatAfter writes the bits that differ from the float before, turned
// round because those are mostly the upper ones.
func appendFloatAfter(dst []byte, f, before float64) []byte {
	return binary.AppendUvarint(dst, bits.Reverse64(math.Float64bits(f)^math.Float64bits(before)))
}

func readFloatAfter(u *model.Unpacker, before float64) float64 {
	return math.Float64frombits(bits.Reverse64(u.Uint()) ^ math.Float64bits(before))
}

func appendOptional(dst []byte, o, before model.Optional) []byte {
	if !o.Set {
		return append(dst, 0)
	}
	return appendFloatAfter(append(dst, 1), o.Value, before.Value)
}

func readOptional(u *model.Unpacker, before model.Optional) model.Optional {
	if u.Byte() == 0 {
		return model.Optional{}
	}
	return model.Optional{Value: readFloatAfter(u, before.Value), Set: true}
}

// appendCountsAfter writes counts by how they grew.
func appendCountsAfter(dst []byte, counts, before []uint64) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(counts)))
	for i, n := range counts {
		dst = model.AppendInt(dst, int64(n-countAt(before, i)))
	}
	return dst
}

func readCountsAfter(u *model.Unpacker, before []uint64) []uint64 {
	n := u.Count()
	if n == 0 {
		return nil
	}
	counts := make([]uint64, n)
	for i := range counts {
		counts[i] = countAt(before, i) + uint64(u.Int())
	}
	return counts
}

func countAt(counts []uint64, i int) uint64 {
	if i < len(counts) {
		return counts[i]
	}
	return 0
}
