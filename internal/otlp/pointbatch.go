// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"encoding/binary"
	"math"

	"github.com/cespare/xxhash/v2"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/tapio/tapio/internal/model"
)

// ReadMetrics adds the data points to a batch, in their order. It reads the same
// as PointsFromMetrics, but packs attributes straight from pdata: a point of a
// series that the store knows costs no memory.
func ReadMetrics(batch *model.PointBatch, metrics pmetric.Metrics) {
	p := pointPacker{batch: batch}
	for _, ofResource := range metrics.ResourceMetrics().All() {
		p.origin.Resource = p.packResource(ofResource)
		for _, ofScope := range ofResource.ScopeMetrics().All() {
			scope := scopeFrom(ofScope.Scope(), ofScope.SchemaUrl())
			p.origin.Scope = p.pack(func(dst []byte) []byte { return model.AppendScope(dst, scope) })
			for _, metric := range ofScope.Metrics().All() {
				p.packMetric(metric)
			}
		}
	}
}

// pointPacker packs the points of one request.
type pointPacker struct {
	batch  *model.PointBatch
	origin model.PackedOrigin
	memory pointMemory // scratch for what is not a number
	point  model.Point // scratch, the same
}

func (p *pointPacker) packed(from int) model.Packed {
	bytes := p.batch.Bytes
	return model.Packed{From: uint32(from), To: uint32(len(bytes)), Hash: xxhash.Sum64(bytes[from:])}
}

func (p *pointPacker) pack(write func([]byte) []byte) model.Packed {
	from := len(p.batch.Bytes)
	p.batch.Bytes = write(p.batch.Bytes)
	return p.packed(from)
}

func (p *pointPacker) packResource(from pmetric.ResourceMetrics) model.Packed {
	resource := resourceFrom(from.Resource(), from.SchemaUrl())
	return p.pack(func(dst []byte) []byte { return model.AppendResource(dst, resource) })
}

func (p *pointPacker) packMetric(from pmetric.Metric) {
	metric := metricFrom(from)
	p.origin.Metric = p.pack(func(dst []byte) []byte { return model.AppendMetric(dst, &metric) })
	p.batch.Origins = append(p.batch.Origins, p.origin)
	switch from.Type() {
	case pmetric.MetricTypeGauge:
		p.packNumbers(from.Gauge().DataPoints())
	case pmetric.MetricTypeSum:
		p.packNumbers(from.Sum().DataPoints())
	case pmetric.MetricTypeHistogram:
		packPoints(p, from.Histogram().DataPoints(), (*pointMemory).roomForHistogram, (*pointMemory).readHistogram)
	case pmetric.MetricTypeExponentialHistogram:
		packPoints(p, from.ExponentialHistogram().DataPoints(), (*pointMemory).roomForExponential, (*pointMemory).readExponential)
	case pmetric.MetricTypeSummary:
		packPoints(p, from.Summary().DataPoints(), (*pointMemory).roomForSummary, (*pointMemory).readSummary)
	case pmetric.MetricTypeEmpty: // has no points
	}
}

// add adds what all points have.
func (p *pointPacker) add(from dataPoint) *model.PackedPoint {
	attributes := len(p.batch.Bytes)
	p.batch.Bytes = appendMap(p.batch.Bytes, from.Attributes(), maxNesting)
	end := uint32(len(p.batch.Bytes))
	p.batch.Points = append(p.batch.Points, model.PackedPoint{
		Attributes: p.packed(attributes), Origin: uint32(len(p.batch.Origins) - 1),
		Time: model.Nanos(from.Timestamp()), Start: model.Nanos(from.StartTimestamp()), Flags: uint32(from.Flags()),
		ExtraFrom: end, ExtraTo: end,
	})
	return &p.batch.Points[len(p.batch.Points)-1]
}

// addExtra packs what is in the scratch point.
func (p *pointPacker) addExtra(to *model.PackedPoint) {
	p.batch.Bytes = model.AppendExtra(p.batch.Bytes, &p.point)
	to.ExtraTo = uint32(len(p.batch.Bytes))
}

func (p *pointPacker) packNumbers(list pmetric.NumberDataPointSlice) {
	for i := range list.Len() {
		from := list.At(i)
		to := p.add(from)
		switch from.ValueType() {
		case pmetric.NumberDataPointValueTypeInt:
			to.Number, to.Bits = model.NumberInt, uint64(from.IntValue())
		case pmetric.NumberDataPointValueTypeDouble:
			to.Number, to.Bits = model.NumberDouble, math.Float64bits(from.DoubleValue())
		case pmetric.NumberDataPointValueTypeEmpty: // stays model.NumberNone
		}
		if from.Exemplars().Len() > 0 {
			p.memory.roomForExemplars(from.Exemplars())
			p.point = model.Point{Exemplars: p.memory.readExemplars(from.Exemplars())}
			p.addExtra(to)
		}
	}
}

// packPoints packs distributions: read as words into memory that is used again,
// then packed.
func packPoints[P dataPoint, L dataPoints[P]](p *pointPacker, list L,
	reserve func(*pointMemory, P), read func(*pointMemory, *model.Point, P),
) {
	for i := range list.Len() {
		from := list.At(i)
		to := p.add(from)
		reserve(&p.memory, from)
		p.point = model.Point{}
		read(&p.memory, &p.point, from)
		p.addExtra(to)
	}
}

// appendMap packs a map as model.AppendAttributes does the words that fillAttributes
// makes of it.
func appendMap(dst []byte, m pcommon.Map, room int) []byte {
	dst = binary.AppendUvarint(dst, uint64(m.Len()))
	for key, v := range m.All() {
		dst = appendValue(model.AppendText(dst, key), v, room)
	}
	return dst
}

func appendValue(dst []byte, v pcommon.Value, room int) []byte {
	switch v.Type() {
	case pcommon.ValueTypeStr:
		return model.AppendText(append(dst, byte(model.KindString)), v.Str())
	case pcommon.ValueTypeInt:
		return model.AppendInt(append(dst, byte(model.KindInt)), v.Int())
	default:
		return model.AppendValue(dst, valueFrom(v, room)) // rare in metrics
	}
}
