// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/semconv"
)

const (
	benchMetrics = 10
	benchSeries  = 2000 // of each metric
)

// benchPoints is how many points the benchmarks store: TAPIO_BENCH_POINTS or 1,000,000.
func benchPoints() int {
	points, err := strconv.Atoi(os.Getenv("TAPIO_BENCH_POINTS"))
	if err != nil {
		return 1_000_000
	}
	return points
}

// fleet makes the metrics of a fleet of 20 services with 100 routes each: gauges
// of nine kinds and one histogram, reported every ten seconds.
type fleet struct {
	random *rand.Rand
	series []*model.Series
	values []float64
	next   int
	now    model.Nanos
}

func newFleet() *fleet {
	f := &fleet{random: rand.New(rand.NewPCG(1, 1)), now: second(1_700_000_000)}
	scope := &model.Scope{Name: "shop"}
	for service := range 20 {
		resource := &model.Resource{Attributes: attributes(semconv.ServiceName, fmt.Sprint("service-", service), "host.name", fmt.Sprint("node-", service%5))}
		for m := range benchMetrics {
			metric := &model.Metric{Name: fmt.Sprint("shop.figure.", m), Unit: "1", Type: model.MetricGauge}
			if m == benchMetrics-1 {
				metric.Type, metric.Temporality = model.MetricHistogram, model.TemporalityCumulative
			}
			for route := range benchSeries / 20 {
				f.series = append(f.series, &model.Series{Metric: metric, Resource: resource, Scope: scope, Attributes: attributes(
					"http.route", fmt.Sprint("/api/v1/items/", route), "http.request.method", "GET", "thread", fmt.Sprint(route%7))})
				f.values = append(f.values, 100*f.random.Float64())
			}
		}
	}
	return f
}

// scrape makes the next n points.
func (f *fleet) scrape(n int) []model.Point {
	rows := make([]model.Point, n)
	for i := range rows {
		at := f.next % len(f.series)
		if f.next%1000 == 0 { // one request, one time
			f.now += model.Nanos(10e9/(len(f.series)/1000)) + model.Nanos(f.random.IntN(1e6))
		}
		f.next++
		f.values[at] += f.random.NormFloat64()
		p := model.Point{Series: f.series[at], Time: f.now, Start: second(1_600_000_000)}
		if p.Series.Metric.Type == model.MetricHistogram {
			p.Histogram = &model.Histogram{Bounds: []float64{.01, .1, 1, 10}, Counts: []uint64{uint64(f.next), uint64(f.next / 2), 3, 2, 1}}
			p.Histogram.Count = uint64(f.next) + uint64(f.next/2) + 6
			p.Histogram.Sum = model.Optional{Value: f.values[at], Set: true}
		} else {
			p.Number, p.Bits = model.NumberDouble, math.Float64bits(math.Round(f.values[at]*100)/100)
		}
		rows[i] = p
	}
	return rows
}

// stockedPoints is the store that the benchmarks share.
var stockedPoints = sync.OnceValues(func() (*Store, string) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	s, f := New(Limits{Metrics: 200 * mebibyte}, time.Now), newFleet()
	for stored := 0; stored < benchPoints(); stored += 1000 {
		s.AppendPoints(f.scrape(1000))
	}
	settle(s)
	f.series = nil
	runtime.GC()
	runtime.ReadMemStats(&after)
	compacted, rows := int64(0), 0
	for _, c := range s.points.chunks {
		if c.segment != nil {
			compacted, rows = compacted+c.segment.size(), rows+c.count
		}
	}
	stats := s.Stats()[2]
	return s, fmt.Sprintf("%d points of %d series in %d MB; a series takes %.0f B, a compacted point %.1f B; %d heap objects",
		stats.Rows, stats.Series, stats.Bytes>>20, float64(stats.SeriesBytes)/float64(stats.Series),
		float64(compacted)/float64(max(rows, 1)), int64(after.HeapObjects)-int64(before.HeapObjects))
})

func BenchmarkAppendPoints(b *testing.B) {
	s, f := New(Limits{Metrics: 64 * mebibyte}, time.Now), newFleet()
	batch := packPoints(f.scrape(20_000))
	b.ReportAllocs()
	for b.Loop() {
		s.AppendPointBatch(batch)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(batch.Points)), "ns/point")
}

func BenchmarkAggregatePoints(b *testing.B) {
	s, description := stockedPoints()
	b.Log(description)
	keys := []model.LabelKey{model.NewLabelKey("service"), model.NewLabelKey("http.route")}
	for name, q := range map[string]model.AggregateQuery{
		"P95 by 2 labels":          {Names: []string{"shop.figure.1"}, Aggregation: model.AggregateP95, GroupBy: keys, Resolution: 10 * time.Second, Limit: 5000},
		"P95 of all by metric":     {Aggregation: model.AggregateP95, Limit: 5000},
		"rate by service":          {Names: []string{"shop.figure.2"}, Aggregation: model.AggregateRate, GroupBy: keys[:1], Resolution: time.Minute, Limit: 5000},
		"P95 of histograms":        {Names: []string{"shop.figure.9"}, Aggregation: model.AggregateP95, GroupBy: keys, Resolution: time.Minute, Limit: 5000},
		"one series of a selector": {Names: []string{"shop.figure.3"}, Filter: model.Filter{Services: []string{"service-3"}}, Aggregation: model.AggregateMax, GroupBy: keys, Limit: 1},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if series, _, err := s.Aggregate(b.Context(), q); err != nil || len(series) == 0 {
					b.Fatal(len(series), err)
				}
			}
		})
	}
}

func BenchmarkQueryPoints(b *testing.B) {
	s, description := stockedPoints()
	b.Log(description)
	for name, q := range map[string]model.PointQuery{
		"newest":          {Paging: model.Paging{Limit: 100}},
		"of one series":   {Names: []string{"shop.figure.3"}, Filter: model.Filter{Services: []string{"service-3"}}, Paging: model.Paging{Limit: 1000}},
		"oldest":          {Paging: model.Paging{Limit: 100, Ascending: true}},
		"of no series":    {Names: []string{"shop.nothing"}, Paging: model.Paging{Limit: 100}},
		"text in a label": {Filter: model.Filter{Text: "/items/77"}, Paging: model.Paging{Limit: 100}},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.QueryPoints(b.Context(), q); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkListServicesOfPoints measures listing the services of stored metrics.
func BenchmarkListServicesOfPoints(b *testing.B) {
	s, description := stockedPoints()
	b.Log(description)
	for b.Loop() {
		list, err := s.ListServices(b.Context(), model.ServiceQuery{Paging: model.ListPaging{Limit: 100}})
		require.NoError(b, err)
		require.Len(b, list.Items, 20)
	}
}
