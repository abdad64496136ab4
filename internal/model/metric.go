// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package model

import (
	"math"
	"slices"
	"strconv"
)

// MetricType is the shape of a metric's points.
type MetricType uint8

// The metric types of OTLP.
const (
	MetricEmpty MetricType = iota
	MetricGauge
	MetricSum
	MetricHistogram
	MetricExponentialHistogram
	MetricSummary
)

// Temporality is what a point of a sum or histogram counts from. The numbers
// are OTLP's.
type Temporality int32

// The temporalities of OTLP.
const (
	TemporalityUnspecified Temporality = iota
	TemporalityDelta
	TemporalityCumulative
)

// Metric describes a metric. Many series share one.
type Metric struct {
	Name        string
	Description string
	Unit        string
	Metadata    Attributes
	Type        MetricType
	Temporality Temporality
	Monotonic   bool
}

// AppendIdentity appends what distinguishes metrics of one name.
func (m *Metric) AppendIdentity(dst []byte) []byte {
	dst = appendSized(appendSized(dst, m.Name), m.Unit)
	monotonic := byte(0)
	if m.Monotonic {
		monotonic = 1
	}
	return append(dst, byte(m.Type), byte(m.Temporality), monotonic)
}

func appendSized(dst []byte, s string) []byte {
	dst = append(strconv.AppendInt(dst, int64(len(s)), 10), ':')
	return append(dst, s...)
}

// ListKey is the key of the metric in lists: by name, then apart from others of it.
func (m *Metric) ListKey() string {
	return string(m.AppendIdentity(append([]byte(m.Name), 0)))
}

// Series is one time series: a metric, an origin and attributes. Many points
// share one. No part is nil in the store.
type Series struct {
	Metric     *Metric
	Resource   *Resource
	Scope      *Scope
	Attributes Attributes
}

// NumberKind is how a Point's number came in.
type NumberKind uint8

// The forms of OTLP's NumberDataPoint.
const (
	NumberNone NumberKind = iota
	NumberInt
	NumberDouble
)

// Point is one data point of a series. Of Histogram, Exponential and Summary,
// the one of the series' metric type is set; the others are nil.
type Point struct {
	// Seq is the place in the store's sequence, from 1; 0 before it is stored.
	Seq uint64

	Series      *Series
	Start       Nanos
	Time        Nanos
	Bits        uint64 // an int64, or a float64's bits
	Histogram   *Histogram
	Exponential *ExponentialHistogram
	Summary     *Summary
	Exemplars   []Exemplar
	Flags       uint32
	Number      NumberKind
}

// FlagNoRecordedValue marks a point that reports that its series has gone stale.
const FlagNoRecordedValue = 1

// Float returns the number of a gauge or sum as a float64.
func (p *Point) Float() float64 {
	if p.Number == NumberInt {
		return float64(int64(p.Bits))
	}
	return math.Float64frombits(p.Bits)
}

// SameValue reports whether two points of one series agree in all but their
// sequence and exemplars. NaN is no value and equals none.
func (p *Point) SameValue(q *Point) bool {
	return p.Time == q.Time && p.Start == q.Start && p.Flags == q.Flags && p.Number == q.Number && p.Bits == q.Bits &&
		equalParts(p.Histogram, q.Histogram, (*Histogram).equal) &&
		equalParts(p.Exponential, q.Exponential, (*ExponentialHistogram).equal) &&
		equalParts(p.Summary, q.Summary, (*Summary).equal)
}

// equalParts compares what either of two points may lack.
func equalParts[T any](a, b *T, equal func(a, b *T) bool) bool {
	return a == b || a != nil && b != nil && equal(a, b)
}

func (h *Histogram) equal(g *Histogram) bool {
	return h.Count == g.Count && h.Sum == g.Sum && h.Min == g.Min && h.Max == g.Max &&
		slices.Equal(h.Bounds, g.Bounds) && slices.Equal(h.Counts, g.Counts)
}

func (h *ExponentialHistogram) equal(g *ExponentialHistogram) bool {
	return h.Count == g.Count && h.Sum == g.Sum && h.Min == g.Min && h.Max == g.Max &&
		h.ZeroCount == g.ZeroCount && h.ZeroThreshold == g.ZeroThreshold && h.Scale == g.Scale &&
		h.Positive.equal(&g.Positive) && h.Negative.equal(&g.Negative)
}

func (b *Buckets) equal(c *Buckets) bool {
	return b.Offset == c.Offset && slices.Equal(b.Counts, c.Counts)
}

func (s *Summary) equal(t *Summary) bool {
	return s.Count == t.Count && s.Sum == t.Sum && slices.Equal(s.Quantiles, t.Quantiles)
}

// Optional is a float64 that may be absent.
type Optional struct {
	Value float64
	Set   bool
}

// Histogram has explicit bounds: bucket i counts values in (Bounds[i-1],
// Bounds[i]].
type Histogram struct {
	Count  uint64
	Sum    Optional
	Min    Optional
	Max    Optional
	Bounds []float64
	Counts []uint64
}

// Buckets are the counts of one side of an exponential histogram.
type Buckets struct {
	Offset int32
	Counts []uint64
}

// ExponentialHistogram has bucket bounds at powers of 2^(2^-Scale).
type ExponentialHistogram struct {
	Count         uint64
	Sum           Optional
	Min           Optional
	Max           Optional
	ZeroCount     uint64
	ZeroThreshold float64
	Positive      Buckets
	Negative      Buckets
	Scale         int32
}

// Summary carries quantiles that the client computed.
type Summary struct {
	Count     uint64
	Sum       float64
	Quantiles []Quantile
}

// Quantile is one quantile of a Summary; Q is within 0 to 1.
type Quantile struct {
	Q     float64
	Value float64
}

// Exemplar is a sample that links a point to a trace.
type Exemplar struct {
	Time       Nanos
	Bits       uint64
	Attributes Attributes
	TraceID    TraceID
	SpanID     SpanID
	Number     NumberKind
}

// Size estimates the bytes that the point holds in memory, without its series.
func (p *Point) Size() int {
	n := pointSize
	if h := p.Histogram; h != nil {
		n += 112 + 8*len(h.Bounds) + 8*len(h.Counts)
	}
	if e := p.Exponential; e != nil {
		n += 160 + 8*len(e.Positive.Counts) + 8*len(e.Negative.Counts)
	}
	if s := p.Summary; s != nil {
		n += 48 + 16*len(s.Quantiles)
	}
	for i := range p.Exemplars {
		n += exemplarSize + p.Exemplars[i].Attributes.Size()
	}
	return n
}

// AnswerSize estimates the bytes that the point takes in an answer. Points of
// one resource are put together there, so that it is not counted.
func (p *Point) AnswerSize() int { return p.Size() + p.Series.Size() }

// Size estimates the bytes that the metric's description holds in memory.
func (m *Metric) Size() int {
	return metricSize + len(m.Name) + len(m.Description) + len(m.Unit) + m.Metadata.Size()
}

// Size estimates the bytes that the series holds in memory, without the metric,
// the resource and the scope that it shares.
func (s *Series) Size() int { return seriesSize + s.Attributes.Size() }
