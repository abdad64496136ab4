// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package prometheus

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/promqltest"
	"github.com/prometheus/prometheus/storage"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/query"
	"github.com/tapio/tapio/internal/store"
)

// impossible lists, by file and place, the parts of Prometheus' own test data that the
// store cannot hold. A part is what stands between two lines `clear`.
func impossible() map[string]map[int]string {
	const (
		bounds = "native histograms with bounds of their own: OTLP has them as explicit ones, which become classic buckets"
		whole  = "counts that are no whole numbers: OTLP counts in integers"
		hints  = "hints of counter resets, which Prometheus keeps with a chunk: OTLP has start times instead"
		starts = "nothing is missing: the expected values ignore the start times of native histograms, which Prometheus does not keep yet"
	)
	return map[string]map[int]string{
		"extended_vectors.test": {14: bounds, 15: bounds, 17: bounds, 24: bounds},
		"functions.test":        {7: bounds, 9: bounds},
		"histograms.test":       {0: bounds},
		"native_histograms.test": {
			0: bounds, 30: bounds, 32: bounds, 34: bounds, 35: bounds, 36: bounds, 37: bounds, 38: bounds, 40: whole, 41: whole, 42: bounds,
			47: hints, 48: hints, 53: bounds, 54: bounds,
		},
		"operators.test":        {8: bounds},
		"range_queries.test":    {9: hints},
		"start_timestamps.test": {3: starts, 4: starts},
	}
}

// Prometheus' own tests of its engine, loaded into the store, and read with and without
// the index that backends may have.
func TestPrometheusOwnTests(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(testdata(t), "*.test"))
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(files), 20)
	engine := promqltest.NewTestEngine(t, false, 0, promqltest.DefaultMaxSamplesPerQuery)
	for _, file := range files {
		content, err := os.ReadFile(file)
		require.NoError(t, err)
		for i, part := range parts(string(content)) {
			name := filepath.Base(file)
			t.Run(fmt.Sprintf("%s/%d", name, i), func(t *testing.T) {
				if why, known := impossible()[name][i]; known {
					t.Skip("the store cannot hold this: " + why)
				}
				promqltest.RunTestWithStorage(t, part, engine, newTestStorage)
				promqltest.RunTestWithStorage(t, part, engine, newUnindexedStorage)
			})
		}
	}
}

// testdata is the folder in the module that go.mod names.
func testdata(t *testing.T) string {
	t.Helper()
	dir, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/prometheus/prometheus").Output()
	require.NoError(t, err)
	return filepath.Join(strings.TrimSpace(string(dir)), "promql", "promqltest", "testdata")
}

// parts splits a file where its data is cleared.
func parts(content string) (list []string) {
	var part []string
	for _, line := range strings.Split(content, "\n") {
		if strings.TrimSpace(line) == "clear" {
			list = append(list, strings.Join(part, "\n"))
			part = nil
			continue
		}
		part = append(part, line)
	}
	return append(list, strings.Join(part, "\n"))
}

// testStorage is a store that takes what Prometheus appends.
type testStorage struct {
	*Queryable
	t     testing.TB
	store *store.Store
}

func newTestStorage(t testing.TB) storage.Storage {
	s := store.New(store.Limits{Metrics: 64 << 20, QueryMemory: 1 << 30}, time.Now)
	return &testStorage{Queryable: NewQueryable(s.Reader(), Naming{}, 5*time.Minute), t: t, store: s}
}

// newUnindexedStorage reads through the interface that every backend has, without an index.
func newUnindexedStorage(t testing.TB) storage.Storage {
	s := store.New(store.Limits{Metrics: 64 << 20, QueryMemory: 1 << 30}, time.Now)
	reader := struct {
		query.MetricReader
		query.Discoverer
	}{s.Reader(), s.Reader()}
	return &testStorage{Queryable: NewQueryable(reader, Naming{}, 5*time.Minute), t: t, store: s}
}

func (s *testStorage) Appender(context.Context) storage.Appender { return nil }

func (s *testStorage) AppenderV2(context.Context) storage.AppenderV2 { return &testAppender{to: s} }

func (s *testStorage) StartTime() (int64, error) { return 0, nil }

func (s *testStorage) Close() error { return nil }

var _ storage.Storage = (*testStorage)(nil)

type testAppender struct {
	to     *testStorage
	points []model.Point
}

var errImpossible = errors.New("the store cannot hold this sample")

func (a *testAppender) Append(
	_ storage.SeriesRef, ls labels.Labels, st, t int64, v float64, h *histogram.Histogram, fh *histogram.FloatHistogram, _ storage.AppendV2Options,
) (storage.SeriesRef, error) {
	if t < 0 || st < 0 {
		return 0, fmt.Errorf("%w: its time is negative", errImpossible)
	}
	metric := Verbatim("", model.MetricGauge)
	p := model.Point{Time: nanos(t), Start: nanos(st), Number: model.NumberDouble, Bits: math.Float64bits(v)}
	if h != nil {
		fh = h.ToFloat(nil)
	}
	if fh != nil {
		e, err := Exponential(fh)
		if err != nil {
			return 0, fmt.Errorf("%w: %w", errImpossible, err)
		}
		metric = Verbatim("", model.MetricExponentialHistogram)
		if fh.CounterResetHint == histogram.GaugeType {
			metric.Temporality = model.TemporalityDelta
		}
		p.Exponential, p.Number, p.Bits = e, model.NumberNone, 0
	}
	series := &model.Series{Metric: metric, Resource: &model.Resource{}, Scope: &model.Scope{}}
	ls.Range(func(l labels.Label) {
		if l.Name == nameLabel {
			metric.Name = l.Value
			return
		}
		series.Attributes = append(series.Attributes, model.KeyValue{Key: l.Name, Value: model.StringValue(l.Value)})
	})
	p.Series = series
	a.points = append(a.points, p)
	return 1, nil
}

func nanos(t int64) model.Nanos { return model.Nanos(t * int64(time.Millisecond)) }

func (a *testAppender) Commit() error {
	refused, err := a.to.store.AppendPoints(a.points)
	require.NoError(a.to.t, err)
	require.Zero(a.to.t, refused)
	a.points = nil
	return nil
}

func (a *testAppender) Rollback() error { a.points = nil; return nil }

var _ storage.AppenderV2 = (*testAppender)(nil)
