// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package promcompare holds the store's aggregations to Prometheus' own engine:
// both compute the same over the same data. It is a module of its own, so that
// Prometheus does not become a dependency of the product.
package promcompare

import (
	"math"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/chunks"
	"github.com/prometheus/prometheus/util/annotations"
	"github.com/stretchr/testify/require"
)

// sample is one sample of Prometheus' kind.
type sample struct {
	t, st int64
	f     float64
	fh    *histogram.FloatHistogram
}

func (s sample) T() int64                      { return s.t }
func (s sample) ST() int64                     { return s.st }
func (s sample) F() float64                    { return s.f }
func (s sample) H() *histogram.Histogram       { return nil }
func (s sample) FH() *histogram.FloatHistogram { return s.fh }

func (s sample) Type() chunkenc.ValueType {
	if s.fh != nil {
		return chunkenc.ValFloatHistogram
	}
	return chunkenc.ValFloat
}

func (s sample) Copy() chunks.Sample {
	if s.fh != nil {
		s.fh = s.fh.Copy()
	}
	return s
}

// series are the series of a Prometheus that scraped the same.
type series struct {
	labels  []labels.Labels
	samples [][]chunks.Sample
}

// add appends a sample to the series with these labels.
func (s *series) add(of labels.Labels, added sample) {
	for i := range s.labels {
		if labels.Equal(s.labels[i], of) {
			s.samples[i] = append(s.samples[i], added)
			return
		}
	}
	s.labels, s.samples = append(s.labels, of), append(s.samples, []chunks.Sample{added})
}

func (s *series) queryable() storage.Queryable {
	return &storage.MockQueryable{MockQuerier: &storage.MockQuerier{
		SelectMockFunction: func(_ bool, _ *storage.SelectHints, matchers ...*labels.Matcher) storage.SeriesSet {
			selected := &seriesSet{at: -1}
			for i, of := range s.labels {
				if matchesAll(of, matchers) {
					selected.list = append(selected.list, storage.NewListSeries(of, s.samples[i]))
				}
			}
			return selected
		},
	}}
}

func matchesAll(of labels.Labels, matchers []*labels.Matcher) bool {
	for _, m := range matchers {
		if !m.Matches(of.Get(m.Name)) {
			return false
		}
	}
	return true
}

type seriesSet struct {
	list []storage.Series
	at   int
}

func (s *seriesSet) Next() bool                        { s.at++; return s.at < len(s.list) }
func (s *seriesSet) At() storage.Series                { return s.list[s.at] }
func (s *seriesSet) Err() error                        { return nil }
func (s *seriesSet) Warnings() annotations.Annotations { return nil }

// values are the answers to a query: by the value of the label group and the
// time in milliseconds.
type values map[string]map[int64]float64

func (v values) put(group string, t int64, value float64) {
	if math.IsNaN(value) {
		return // Prometheus says so where the store has no value
	}
	if v[group] == nil {
		v[group] = map[int64]float64{}
	}
	v[group][t] = value
}

// ask evaluates a query at each end of a window.
func ask(t *testing.T, data storage.Queryable, query string, start, end time.Time, step time.Duration) values {
	t.Helper()
	engine := promql.NewEngine(promql.EngineOpts{
		MaxSamples: 10_000_000, Timeout: time.Minute,
		Parser: parser.NewParser(parser.Options{EnableExtendedRangeSelectors: true}),
	})
	q, err := engine.NewRangeQuery(t.Context(), data, nil, query, start, end, step)
	require.NoError(t, err, query)
	defer q.Close()
	result := q.Exec(t.Context())
	require.NoError(t, result.Err, query)
	matrix, err := result.Matrix()
	require.NoError(t, err, query)
	answer := values{}
	for _, of := range matrix {
		for _, p := range of.Floats {
			answer.put(of.Metric.Get("group"), p.T, p.F)
		}
	}
	return answer
}
