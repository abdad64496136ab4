// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"cmp"

	"github.com/cespare/xxhash/v2"

	"github.com/tapio/tapio/internal/model"
)

// pointPacker makes a batch of points in words.
type pointPacker struct {
	batch   model.PointBatch
	blank   *model.Series
	series  *model.Series // of the point before
	point   model.PackedPoint
	origins map[[sharedParts]any]uint32
}

// packPoints packs points; those that lack their series have an empty one.
func packPoints(rows []model.Point) *model.PointBatch {
	p := pointPacker{
		blank:   &model.Series{Metric: &model.Metric{}, Resource: &model.Resource{}, Scope: &model.Scope{}},
		origins: map[[sharedParts]any]uint32{},
	}
	p.batch.Points = make([]model.PackedPoint, 0, len(rows))
	for i := range rows {
		p.add(&rows[i])
	}
	return &p.batch
}

func (p *pointPacker) add(row *model.Point) {
	if series := completeSeries(row.Series, p.blank); series != p.series {
		p.turn(series)
	}
	packed := p.point
	packed.Time, packed.Start, packed.Bits = row.Time, row.Start, row.Bits
	packed.Flags, packed.Number = row.Flags, row.Number
	packed.ExtraFrom = uint32(len(p.batch.Bytes))
	p.batch.Bytes = model.AppendExtra(p.batch.Bytes, row)
	packed.ExtraTo = uint32(len(p.batch.Bytes))
	p.batch.Points = append(p.batch.Points, packed)
}

// turn packs another series.
func (p *pointPacker) turn(s *model.Series) {
	p.series = s
	key := [sharedParts]any{s.Metric, s.Resource, s.Scope}
	origin, known := p.origins[key]
	if !known {
		origin = uint32(len(p.batch.Origins))
		p.origins[key] = origin
		p.batch.Origins = append(p.batch.Origins, model.PackedOrigin{
			Metric:   pack(p, model.AppendMetric, s.Metric),
			Resource: pack(p, model.AppendResource, s.Resource),
			Scope:    pack(p, model.AppendScope, s.Scope),
		})
	}
	p.point = model.PackedPoint{Origin: origin, Attributes: pack(p, model.AppendAttributes, []model.KeyValue(s.Attributes))}
}

func pack[T any](p *pointPacker, write func([]byte, T) []byte, words T) model.Packed {
	from := len(p.batch.Bytes)
	p.batch.Bytes = write(p.batch.Bytes, words)
	return model.Packed{From: uint32(from), To: uint32(len(p.batch.Bytes)), Hash: xxhash.Sum64(p.batch.Bytes[from:])}
}

func completeSeries(s, blank *model.Series) *model.Series {
	if s == nil {
		return blank
	}
	if s.Metric != nil && s.Resource != nil && s.Scope != nil {
		return s
	}
	return &model.Series{
		Metric:     cmp.Or(s.Metric, blank.Metric),
		Resource:   cmp.Or(s.Resource, blank.Resource),
		Scope:      cmp.Or(s.Scope, blank.Scope),
		Attributes: s.Attributes,
	}
}
