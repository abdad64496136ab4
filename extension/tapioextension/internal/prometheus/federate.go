// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package prometheus

import (
	"context"
	"net/http"
	"slices"
	"strings"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"google.golang.org/protobuf/proto"
)

// serveFederate answers /federate: the latest sample of each series that is selected.
func (a *API) serveFederate(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		http.Error(w, "error parsing form values: "+err.Error(), http.StatusBadRequest)
		return
	}
	selectors, err := a.Parser.ParseMetricSelectors(r.Form["match[]"])
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	vector, err := a.latest(r.Context(), selectors)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	format := expfmt.Negotiate(r.Header)
	w.Header().Set("Content-Type", string(format))
	encoder := expfmt.NewEncoder(w, format)
	for _, family := range familiesOf(vector, native(format)) {
		if encoder.Encode(family) != nil {
			return // the client is gone
		}
	}
}

// native reports whether the format has native histograms.
func native(format expfmt.Format) bool {
	switch format.FormatType() {
	case expfmt.TypeProtoDelim, expfmt.TypeProtoText, expfmt.TypeProtoCompact:
		return true
	default:
		return false
	}
}

// latest returns the latest sample of each series, unless the series ended.
func (a *API) latest(ctx context.Context, selectors [][]*labels.Matcher) (promql.Vector, error) {
	now := a.Now()
	mint, maxt := now.Add(-a.Limits.Lookback).UnixMilli(), now.UnixMilli()
	q, err := a.Queryable.Querier(mint, maxt)
	if err != nil {
		return nil, err
	}
	defer func() { _ = q.Close() }() // gives back memory, and cannot fail
	var sets []storage.SeriesSet
	for _, matchers := range selectors {
		sets = append(sets, q.Select(ctx, true, &storage.SelectHints{Start: mint, End: maxt}, matchers...))
	}
	set := storage.NewMergeSeriesSet(sets, 0, storage.ChainedSeriesMerge)
	var vector promql.Vector
	var it chunkenc.Iterator
	for set.Next() {
		it = set.At().Iterator(it)
		last := promql.Sample{Metric: set.At().Labels(), T: -1}
		for kind := it.Next(); kind != chunkenc.ValNone; kind = it.Next() {
			if kind == chunkenc.ValFloat {
				last.T, last.F = it.At()
				last.H = nil
			} else {
				last.T, last.H = it.AtFloatHistogram(nil)
			}
		}
		if err := it.Err(); err != nil {
			return nil, err
		}
		ended := last.H == nil && value.IsStaleNaN(last.F) || last.H != nil && value.IsStaleNaN(last.H.Sum)
		if last.T >= 0 && !ended {
			vector = append(vector, last)
		}
	}
	return vector, set.Err()
}

// familiesOf puts samples of one name and kind together, as the formats want it.
func familiesOf(vector promql.Vector, histograms bool) []*dto.MetricFamily {
	slices.SortStableFunc(vector, func(a, b promql.Sample) int {
		return strings.Compare(a.Metric.Get(nameLabel), b.Metric.Get(nameLabel))
	})
	var families []*dto.MetricFamily
	for i := range vector {
		s := &vector[i]
		name := s.Metric.Get(nameLabel)
		if name == "" || s.H != nil && !histograms {
			continue
		}
		kind := dto.MetricType_UNTYPED
		if s.H != nil {
			kind = dto.MetricType_HISTOGRAM
		}
		if s.H != nil && s.H.CounterResetHint == histogram.GaugeType {
			kind = dto.MetricType_GAUGE_HISTOGRAM
		}
		if n := len(families); n == 0 || families[n-1].GetName() != name || families[n-1].GetType() != kind {
			families = append(families, &dto.MetricFamily{Name: proto.String(name), Type: kind.Enum()})
		}
		f := families[len(families)-1]
		f.Metric = append(f.Metric, metricOf(s))
	}
	return families
}

func metricOf(s *promql.Sample) *dto.Metric {
	m := &dto.Metric{TimestampMs: proto.Int64(s.T)}
	s.Metric.Range(func(l labels.Label) {
		if l.Name != nameLabel {
			m.Label = append(m.Label, &dto.LabelPair{Name: proto.String(l.Name), Value: proto.String(l.Value)})
		}
	})
	// A scraper that finds no instance adds its own.
	if !s.Metric.Has(model.InstanceLabel) {
		m.Label = append(m.Label, &dto.LabelPair{Name: proto.String(model.InstanceLabel), Value: proto.String("")})
	}
	if s.H == nil {
		m.Untyped = &dto.Untyped{Value: proto.Float64(s.F)}
		return m
	}
	m.Histogram = &dto.Histogram{
		SampleCountFloat: proto.Float64(s.H.Count), SampleSum: proto.Float64(s.H.Sum), Schema: proto.Int32(s.H.Schema),
		ZeroThreshold: proto.Float64(s.H.ZeroThreshold), ZeroCountFloat: proto.Float64(s.H.ZeroCount),
		PositiveSpan: spansOf(s.H.PositiveSpans), PositiveCount: s.H.PositiveBuckets,
		NegativeSpan: spansOf(s.H.NegativeSpans), NegativeCount: s.H.NegativeBuckets,
	}
	return m
}

func spansOf(spans []histogram.Span) []*dto.BucketSpan {
	list := make([]*dto.BucketSpan, len(spans))
	for i, s := range spans {
		list[i] = &dto.BucketSpan{Offset: proto.Int32(s.Offset), Length: proto.Uint32(s.Length)}
	}
	return list
}
