// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package prometheus

import (
	"context"
	"math"
	"slices"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/query"
)

// maxDecodedBytes bounds the points of histograms and summaries that are kept while the
// series that they become are read: without them each bucket decodes all others.
const maxDecodedBytes = 4 << 20

// decoded keeps the points of distributions that were decoded last.
type decoded struct {
	sel    query.SeriesSelection
	points map[int][]model.Point
	bytes  int64
}

// of returns the points of a stored series, in no order.
func (d *decoded) of(ctx context.Context, i int) ([]model.Point, error) {
	if points, found := d.points[i]; found {
		return points, nil
	}
	var points []model.Point
	bytes := int64(0)
	err := d.sel.Points(ctx, i, true, func(p *model.Point) {
		kept := *p
		kept.Exemplars = nil
		points = append(points, kept)
		bytes += int64(kept.Size())
	})
	if err != nil {
		return nil, err
	}
	if d.points == nil || d.bytes+bytes > maxDecodedBytes {
		d.sel.Give(d.bytes)
		d.points, d.bytes = map[int][]model.Point{}, 0
	}
	if err := d.sel.Take(bytes); err != nil {
		return nil, err
	}
	d.points[i] = points
	d.bytes += bytes
	return points, nil
}

// boundsOf returns the upper bounds of the buckets that a histogram ever had, sorted, with
// infinity.
func (f *finding) boundsOf(ctx context.Context, i int) ([]float64, error) {
	if f.bounds == oneBound {
		return []float64{math.Inf(1)}, nil
	}
	points, err := f.decoded.of(ctx, i)
	if err != nil {
		return nil, err
	}
	bounds := []float64{math.Inf(1)}
	var last []float64
	for j := range points {
		if h := points[j].Histogram; h != nil && !slices.Equal(h.Bounds, last) {
			bounds, last = append(bounds, h.Bounds...), h.Bounds
		}
	}
	slices.Sort(bounds)
	return slices.Compact(bounds), nil
}

func (f *finding) quantilesOf(ctx context.Context, i int) ([]float64, error) {
	points, err := f.decoded.of(ctx, i)
	if err != nil {
		return nil, err
	}
	var quantiles []float64
	for j := range points {
		if s := points[j].Summary; s != nil {
			for _, q := range s.Quantiles {
				quantiles = append(quantiles, q.Q)
			}
		}
	}
	slices.Sort(quantiles)
	return slices.Compact(quantiles), nil
}
