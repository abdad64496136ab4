// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/prometheus/prometheus/model/exemplar"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	prommetadata "github.com/prometheus/prometheus/model/metadata"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/storage"

	"github.com/tapio/tapio/extension/tapioextension/internal/prometheus"
	tapio "github.com/tapio/tapio/internal/model"
)

func scope() *tapio.Scope { return &tapio.Scope{Name: tapio.RulesScope} }

// Appender implements storage.Appendable.
func (e *Evaluator) Appender(ctx context.Context) storage.Appender {
	return &appender{ctx: ctx, to: e, scope: scope(), metrics: map[string]*tapio.Metric{}, resources: map[string]*tapio.Resource{}}
}

// appender collects the samples of one evaluation. It keeps the context, for Commit has none.
type appender struct {
	ctx       context.Context
	to        *Evaluator
	scope     *tapio.Scope
	metrics   map[string]*tapio.Metric
	resources map[string]*tapio.Resource
	points    []tapio.Point
}

var _ storage.Appender = (*appender)(nil)

// Append implements storage.Appender.
func (a *appender) Append(_ storage.SeriesRef, of labels.Labels, t int64, v float64) (storage.SeriesRef, error) {
	p := tapio.Point{Series: a.series(of, tapio.MetricGauge), Time: nanos(t), Number: tapio.NumberDouble, Bits: math.Float64bits(v)}
	if value.IsStaleNaN(v) {
		p.Flags, p.Number, p.Bits = tapio.FlagNoRecordedValue, tapio.NumberNone, 0
	}
	a.points = append(a.points, p)
	return 0, nil
}

// AppendHistogram implements storage.HistogramAppender.
func (a *appender) AppendHistogram(
	_ storage.SeriesRef, of labels.Labels, t int64, h *histogram.Histogram, fh *histogram.FloatHistogram,
) (storage.SeriesRef, error) {
	if h != nil {
		fh = h.ToFloat(nil)
	}
	e, err := prometheus.Exponential(fh)
	if err != nil {
		a.to.dropped.Add(1)
		return 0, fmt.Errorf("a histogram cannot be recorded: %w: record its histogram_quantile, histogram_count or histogram_sum instead", err)
	}
	a.points = append(a.points, tapio.Point{Series: a.series(of, tapio.MetricExponentialHistogram), Time: nanos(t), Exponential: e})
	return 0, nil
}

func nanos(t int64) tapio.Nanos { return tapio.Nanos(max(t, 0) * int64(time.Millisecond)) }

// series makes one whose name and labels are kept as they are.
func (a *appender) series(of labels.Labels, kind tapio.MetricType) *tapio.Series {
	name := of.Get(labelName)
	metric := a.metrics[name]
	if metric == nil || metric.Type != kind {
		metric = prometheus.Verbatim(name, kind)
		a.metrics[name] = metric
	}
	s := &tapio.Series{Metric: metric, Scope: a.scope}
	of.Range(func(l labels.Label) {
		if l.Name != labelName {
			s.Attributes = append(s.Attributes, text(l.Name, l.Value))
		}
	})
	all := of.Map()
	key := all["service_name"] + "\x00" + all["service"] + "\x00" + all["job"]
	if a.resources[key] == nil {
		a.resources[key] = resourceOf(all)
	}
	s.Resource = a.resources[key]
	return s
}

const labelName = "__name__"

// Commit passes the samples into the pipeline.
func (a *appender) Commit() error {
	points := a.points
	a.points = nil
	if len(points) == 0 {
		return nil
	}
	ctx := context.WithoutCancel(a.ctx) // the last samples mark the ends of series
	if err := a.to.Sink.WritePoints(ctx, points); err != nil {
		a.to.dropped.Add(uint64(len(points)))
		return fmt.Errorf("store what the rule recorded: %w", err)
	}
	a.to.recorded.Add(uint64(len(points)))
	return nil
}

// Rollback implements storage.AppenderTransaction.
func (a *appender) Rollback() error {
	a.points = nil
	return nil
}

// SetOptions implements storage.Appender.
func (*appender) SetOptions(*storage.AppendOptions) {}

var errNotRecorded = errors.New("rules do not record this")

// AppendExemplar implements storage.ExemplarAppender.
func (*appender) AppendExemplar(storage.SeriesRef, labels.Labels, exemplar.Exemplar) (storage.SeriesRef, error) {
	return 0, errNotRecorded
}

// AppendHistogramSTZeroSample implements storage.HistogramAppender.
func (*appender) AppendHistogramSTZeroSample(
	storage.SeriesRef, labels.Labels, int64, int64, *histogram.Histogram, *histogram.FloatHistogram,
) (storage.SeriesRef, error) {
	return 0, errNotRecorded
}

// UpdateMetadata implements storage.MetadataUpdater.
func (*appender) UpdateMetadata(storage.SeriesRef, labels.Labels, prommetadata.Metadata) (storage.SeriesRef, error) {
	return 0, errNotRecorded
}

// AppendSTZeroSample implements storage.StartTimestampAppender.
func (*appender) AppendSTZeroSample(storage.SeriesRef, labels.Labels, int64, int64) (storage.SeriesRef, error) {
	return 0, errNotRecorded
}
