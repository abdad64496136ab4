// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package cost

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/tapio/tapio/internal/model"
)

// Metric is what the points of one metric take.
type Metric struct {
	Name         string
	Series       uint64
	Points       uint64
	Bytes        uint64
	Share        float64
	WidestLabel  string
	WidestValues uint64
	MonthlyCost  float64

	values map[string]map[string]bool // by label
}

const (
	maxSeriesRead = 20_000
	// maxLabelValues bounds the values of a label that are kept apart.
	maxLabelValues = 10_000
	pointOverhead  = 48 // of a point in OTLP, beside its attributes
)

// metrics reads the series of the range.
func (a *Advisor) metrics(ctx context.Context, q Query) ([]Metric, float64, error) {
	set, err := a.Reader.SelectSeries(ctx, model.SeriesQuery{Filter: q.filter()})
	if err != nil {
		return nil, 0, err
	}
	defer set.Close()
	found := map[string]*Metric{}
	bytes := uint64(0)
	var first, last model.Nanos
	var points []model.Point
	n := min(set.Len(), maxSeriesRead)
	step := 1
	if n > 0 {
		step = (set.Len() + n - 1) / n
	}
	read := 0
	for i := 0; i < set.Len(); i += step {
		if points, err = set.Points(i, points[:0]); err != nil {
			return nil, 0, err
		}
		read++
		if len(points) == 0 {
			continue
		}
		if first == 0 || points[0].Time < first {
			first = points[0].Time
		}
		last = max(last, points[len(points)-1].Time)
		bytes += noteSeries(found, set.Series(i), points)
	}
	if read == 0 {
		return nil, 1, nil
	}
	scale := float64(set.Len()) / float64(read)
	return a.topMetrics(found, bytes, scale, time.Duration(last-first), q.Top), 1 / scale, nil
}

func noteSeries(found map[string]*Metric, s *model.Series, points []model.Point) uint64 {
	one := found[s.Metric.Name]
	if one == nil {
		one = &Metric{Name: s.Metric.Name, values: map[string]map[string]bool{}}
		found[s.Metric.Name] = one
	}
	p := &points[len(points)-1]
	size := pointOverhead + s.Attributes.Size()
	if p.Histogram != nil {
		size += 16 * len(p.Histogram.Counts)
	}
	if p.Exponential != nil {
		size += 8 * (len(p.Exponential.Positive.Counts) + len(p.Exponential.Negative.Counts))
	}
	bytes := uint64(size * len(points))
	one.Series++
	one.Points += uint64(len(points))
	one.Bytes += bytes
	for i := range s.Attributes {
		one.seen(&s.Attributes[i])
	}
	if s.Resource != nil {
		for i := range s.Resource.Attributes {
			one.seen(&s.Resource.Attributes[i])
		}
	}
	return bytes
}

func (m *Metric) seen(kv *model.KeyValue) {
	values := m.values[kv.Key]
	if values == nil {
		values = map[string]bool{}
		m.values[kv.Key] = values
	}
	if len(values) < maxLabelValues {
		values[kv.Value.Text()] = true
	}
}

func (a *Advisor) topMetrics(found map[string]*Metric, bytes uint64, scale float64, covered time.Duration, top int) []Metric {
	list := slices.SortedFunc(maps.Values(found), func(x, y *Metric) int {
		return cmp.Or(cmp.Compare(y.Bytes, x.Bytes), cmp.Compare(x.Name, y.Name))
	})
	metrics := make([]Metric, 0, top)
	for _, m := range list[:min(top, len(list))] {
		m.Share = float64(m.Bytes) / float64(max(bytes, 1))
		m.Series, m.Points, m.Bytes = uint64(float64(m.Series)*scale), uint64(float64(m.Points)*scale), uint64(float64(m.Bytes)*scale)
		m.MonthlyCost = a.monthly(m.Bytes, covered)
		for _, label := range slices.Sorted(maps.Keys(m.values)) {
			if n := uint64(len(m.values[label])); n > m.WidestValues {
				m.WidestLabel, m.WidestValues = label, n
			}
		}
		metrics = append(metrics, *m)
	}
	return metrics
}

// Filter is a condition of OTTL that holds for the points of the metric.
func (m *Metric) Filter() string { return "metric.name == " + quote(m.Name) }
