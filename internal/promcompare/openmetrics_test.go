// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package promcompare

import (
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/protoconv"
)

// parsed is what Prometheus reads from an export.
type parsed struct {
	samples  map[string]float64 // by labels and time
	families map[string]string  // types
	units    map[string]string
}

// parse fails on anything that Prometheus does not take, and on samples and
// families that come twice.
func parse(t *testing.T, text []byte) parsed {
	t.Helper()
	p, err := textparse.New(text, "application/openmetrics-text; version=1.0.0; charset=utf-8", labels.NewSymbolTable(), textparse.ParserOptions{})
	require.NoError(t, err)
	got := parsed{samples: map[string]float64{}, families: map[string]string{}, units: map[string]string{}}
	for {
		entry, err := p.Next()
		if errors.Is(err, io.EOF) {
			return got
		}
		require.NoError(t, err, "%s", text)
		switch entry {
		case textparse.EntryType:
			name, kind := p.Type()
			require.NotContains(t, got.families, string(name), "%s", text)
			got.families[string(name)] = string(kind)
		case textparse.EntryUnit:
			name, unit := p.Unit()
			got.units[string(name)] = string(unit)
		case textparse.EntrySeries:
			_, at, value := p.Series()
			var of labels.Labels
			p.Labels(&of)
			require.NotNil(t, at)
			_, twice := of.HasDuplicateLabelNames()
			require.False(t, twice, "%s", of)
			key := fmt.Sprintf("%s %d", of, *at)
			require.NotContains(t, got.samples, key, "%s", text)
			got.samples[key] = value
		}
	}
}

// hostile makes series whose names, units, keys and values are hard to spell.
func hostile(r *rand.Rand) *model.Series {
	pick := func(list ...string) string { return list[r.IntN(len(list))] }
	name := func() string {
		return pick("a.b", "a_b", "a-b", "a__b", "a", "a_total", "a.total", "a_count", "a_bucket", "a_sum", "a_gcount", "a.created", "a_info",
			"7", "", "_", "да", "日", "a b", "a\"b\\\n", "a\x00", "\xff", "A:b", "a_seconds", "seconds", "total", "ratio", "a_gauge", "a_counter")
	}
	attributes := func() (list model.Attributes) {
		for range r.IntN(4) {
			key := pick("x.y", "x_y", "x-y", "le", "quantile", "job", "instance", "__name__", "__x__", "_", "", "7", "да", "é", "exported_x_y",
				"otel_series", "otel_metric_name", "otel_scope_name", "service.name", "service.instance.id", "service.namespace", "host.name", "\xff", "a\x00b")
			value := pick("", "a", "b", "\x00", "\"", "\\", "\n", "a;b", ";", "\xff\xfe", "é", "# EOF", "{}", ",")
			list = append(list, model.KeyValue{Key: key, Value: model.StringValue(value)})
		}
		return list
	}
	return &model.Series{
		Metric: &model.Metric{
			Name: name(), Unit: pick("", "s", "1", "By", "By/s", "By/m", "{x}", "{x}/s", "m", "g", "KBy", "%", "°C", "a b", "\"\n", "_", "/", "/s", "m/s2", "\x00"),
			Description: pick("", "say \"hi\"\\\nnext", "# EOF", "\xff", "\x00", "é"),
			Type:        model.MetricType(r.IntN(6)), Temporality: model.Temporality(r.IntN(3)), Monotonic: r.IntN(2) == 0,
		},
		Resource: &model.Resource{Attributes: attributes()}, Scope: &model.Scope{Name: pick("", "lib"), Version: pick("", "1"), Attributes: attributes()},
		Attributes: attributes(),
	}
}

// valued makes a point that a metric of the type may have, and counts the
// samples that it becomes.
func valued(s *model.Series, at model.Nanos, r *rand.Rand) (p model.Point, samples int) {
	p = model.Point{Series: s, Time: at}
	switch s.Metric.Type {
	case model.MetricHistogram:
		p.Histogram = &model.Histogram{Count: 3, Sum: model.Optional{Value: 3, Set: true}, Bounds: []float64{-1, 1, 2.5}, Counts: []uint64{1, 1, 1, 0}}
		return p, 6
	case model.MetricExponentialHistogram:
		p.Exponential = &model.ExponentialHistogram{
			Count: 4, Sum: model.Optional{Value: math.Inf(1), Set: true}, ZeroCount: 1,
			Positive: model.Buckets{Counts: []uint64{1, 0, 1}}, Negative: model.Buckets{Counts: []uint64{1}},
		}
		return p, 7
	case model.MetricSummary:
		p.Summary = &model.Summary{Count: 1, Sum: 1, Quantiles: []model.Quantile{{Q: 0.5, Value: math.NaN()}, {Q: 0, Value: 1}}}
		return p, 4
	default:
		p.Number, p.Bits = model.NumberInt, uint64(r.IntN(1000))
		return p, 1
	}
}

// Prometheus' own parser takes every export, whatever the names, and finds every
// sample in it, none of them twice.
func TestOpenMetricsIsParsed(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 3))
		var points []model.Point
		want := 0
		for range 40 {
			s := hostile(r)
			for at := range model.Nanos(1 + r.IntN(3)) {
				p, samples := valued(s, (1+at)*1e9, r)
				points = append(points, p)
				want += samples
			}
		}
		again := len(points)
		points = append(points, points[:r.IntN(again)]...) // what is stored twice
		text, err := protoconv.EncodeOpenMetrics(points)
		require.NoError(t, err)
		got := parse(t, append(text, protoconv.OpenMetricsEnd...))
		same := sameSeries(points[:again])
		require.Len(t, got.samples, want-same, "seed %d", seed)
	}
}

// sameSeries counts the samples of points that repeat another one's series and
// time, as random series do now and then.
func sameSeries(points []model.Point) (samples int) {
	seen := map[string]bool{}
	for i := range points {
		m := points[i].Series.Metric
		key := fmt.Sprintf("%q %q %d %d %t|%s|%s|%q %q %s|%d", m.Name, m.Unit, m.Type, m.Temporality, m.Monotonic,
			sorted(points[i].Series.Attributes), sorted(points[i].Series.Resource.Attributes),
			points[i].Series.Scope.Name, points[i].Series.Scope.Version, sorted(points[i].Series.Scope.Attributes), points[i].Time)
		if seen[key] {
			_, n := valued(points[i].Series, 1, rand.New(rand.NewPCG(1, 1)))
			samples += n
		}
		seen[key] = true
	}
	return samples
}

func sorted(list model.Attributes) string {
	by := map[string][]string{}
	for _, kv := range list {
		by[kv.Key] = append(by[kv.Key], kv.Value.Text())
	}
	return fmt.Sprintf("%q", by) // fmt sorts the keys of maps
}

// Where nothing collides, names and units are those of Prometheus' OTLP receiver.
func TestOpenMetricsNamesAreThoseOfPrometheus(t *testing.T) {
	number := func(name, unit string, kind model.MetricType) model.Point {
		return model.Point{Time: 1e9, Number: model.NumberInt, Bits: 1, Series: &model.Series{
			Metric:   &model.Metric{Name: name, Unit: unit, Type: kind, Temporality: model.TemporalityCumulative, Monotonic: true},
			Resource: &model.Resource{}, Scope: &model.Scope{},
		}}
	}
	text, err := protoconv.EncodeOpenMetrics([]model.Point{
		number("http.server.request.count", "{request}", model.MetricSum), number("system.cpu.utilization", "1", model.MetricGauge),
		number("system.network.io", "By", model.MetricSum), number("disk.speed", "By/s", model.MetricGauge),
		number("distance", "m", model.MetricGauge), number("mass", "g", model.MetricGauge), number("rate", "By/m", model.MetricGauge),
	})
	require.NoError(t, err)
	got := parse(t, append(text, protoconv.OpenMetricsEnd...))
	require.Equal(t, map[string]string{
		"http_server_request_count": "counter", "system_cpu_utilization_ratio": "gauge", "system_network_io_bytes": "counter",
		"disk_speed_bytes_per_second": "gauge", "distance_meters": "gauge", "mass_grams": "gauge", "rate_bytes_per_minute": "gauge",
	}, got.families)
	require.Equal(t, map[string]string{
		"system_network_io_bytes": "bytes", "disk_speed_bytes_per_second": "bytes_per_second", "distance_meters": "meters",
		"mass_grams": "grams", "rate_bytes_per_minute": "bytes_per_minute",
	}, got.units)
}
