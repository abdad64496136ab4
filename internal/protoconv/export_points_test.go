// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package protoconv

import (
	"encoding/csv"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	collectormetricsv1 "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	"google.golang.org/protobuf/proto"

	"github.com/tapio/tapio/internal/model"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

func exposition(t *testing.T, points ...model.Point) string {
	t.Helper()
	text, err := EncodeOpenMetrics(points)
	require.NoError(t, err)
	return string(text)
}

func TestOpenMetricsCounter(t *testing.T) {
	origin := &model.Resource{Attributes: model.Attributes{
		{Key: "service.name", Value: model.StringValue("shop")},
		{Key: "service.namespace", Value: model.StringValue("prod")},
		{Key: "service.instance.id", Value: model.StringValue("i-1")},
		{Key: "k8s.pod.name", Value: model.StringValue("shop-0")},
		{Key: "path", Value: model.StringValue("beside the point's")},
	}}
	metric := &model.Metric{
		Name: "http.io_total", Description: "a \"b\"\nc\\", Unit: "By",
		Type: model.MetricSum, Temporality: model.TemporalityCumulative, Monotonic: true,
	}
	series := func(path string) *model.Series {
		return &model.Series{
			Metric: metric, Resource: origin, Scope: &model.Scope{Name: "lib", Version: "1"},
			Attributes: append(attribute("path", path), attribute("job", "mine")...),
		}
	}
	one, other := series("/a\\\"\n\xff"), series("/b")
	count := func(s *model.Series, at model.Nanos, n uint64) model.Point {
		return model.Point{Series: s, Time: at, Number: model.NumberInt, Bits: n}
	}
	labels := func(path string) string {
		return `{exported_job="mine",exported_path="beside the point's",instance="i-1",job="prod/shop",k8s_pod_name="shop-0",` +
			`otel_scope_name="lib",otel_scope_version="1",path="` + path + `"}`
	}
	assert.Equal(t, strings.Join([]string{
		`# TYPE http_io_bytes counter`,
		`# UNIT http_io_bytes bytes`,
		`# HELP http_io_bytes a \"b\"\nc\\`,
		`http_io_bytes_total` + labels(`/a\\\"\n`+"\uFFFD") + ` 1 1`,
		`http_io_bytes_total` + labels(`/a\\\"\n`+"\uFFFD") + ` 9007199254740993 3.000000005`,
		`http_io_bytes_total` + labels(`/b`) + ` 2 2`,
		``,
	}, "\n"), exposition(t, count(one, 3e9+5, 1<<53+1), count(other, 2e9, 2), count(one, 1e9, 1)))
}

func TestOpenMetricsHistograms(t *testing.T) {
	classic := testSeries(&model.Metric{Name: "h", Unit: "s", Type: model.MetricHistogram, Temporality: model.TemporalityCumulative}, attribute("le", "x"))
	delta := testSeries(&model.Metric{Name: "h", Unit: "s", Type: model.MetricExponentialHistogram, Temporality: model.TemporalityDelta}, nil)
	summary := testSeries(&model.Metric{Name: "q", Type: model.MetricSummary}, nil)
	assert.Equal(t, strings.Join([]string{
		`# TYPE h_seconds histogram`,
		`# UNIT h_seconds seconds`,
		`h_seconds_bucket{exported_le="x",le="0.5"} 1 1`,
		`h_seconds_bucket{exported_le="x",le="1.0"} 3 1`,
		`h_seconds_bucket{exported_le="x",le="+Inf"} 6 1`,
		`h_seconds_count{exported_le="x"} 6 1`,
		`h_seconds_sum{exported_le="x"} 4.5 1`,
		`# TYPE h_seconds_gaugehistogram gaugehistogram`,
		`h_seconds_gaugehistogram_bucket{le="-2.0"} 1 1`,
		`h_seconds_gaugehistogram_bucket{le="0.25"} 3 1`,
		`h_seconds_gaugehistogram_bucket{le="1.0"} 6 1`,
		`h_seconds_gaugehistogram_bucket{le="4.0"} 10 1`,
		`h_seconds_gaugehistogram_bucket{le="+Inf"} 10 1`,
		`h_seconds_gaugehistogram_gcount 10 1`,
		`# TYPE q summary`,
		`q{quantile="0.99"} NaN 1`,
		`q_count 2 1`,
		`q_sum 3 1`,
		``,
	}, "\n"), exposition(t,
		model.Point{Series: classic, Time: 1e9, Histogram: &model.Histogram{
			Count: 6, Sum: model.Optional{Value: 4.5, Set: true}, Bounds: []float64{0.5, 1}, Counts: []uint64{1, 2, 3},
		}},
		model.Point{Series: delta, Time: 1e9, Exponential: &model.ExponentialHistogram{
			Count: 10, Scale: 0, ZeroCount: 2, ZeroThreshold: 0.25,
			Negative: model.Buckets{Offset: 1, Counts: []uint64{1, 0}},
			Positive: model.Buckets{Offset: -1, Counts: []uint64{3, 0, 4}},
		}},
		model.Point{Series: summary, Time: 1e9, Summary: &model.Summary{
			Count: 2, Sum: 3, Quantiles: []model.Quantile{{Q: 0.99, Value: math.NaN()}},
		}},
	))
}

func TestOpenMetricsNames(t *testing.T) {
	for name, tc := range map[string]struct {
		metric model.Metric
		want   string
	}{
		"gauge":           {model.Metric{Name: "a.b-c", Type: model.MetricGauge}, "a_b_c"},
		"digit":           {model.Metric{Name: "9lives", Type: model.MetricGauge}, "_9lives"},
		"colon":           {model.Metric{Name: "a:b", Type: model.MetricGauge}, "a:b"},
		"annotation":      {model.Metric{Name: "q", Unit: "{request}", Type: model.MetricGauge}, "q"},
		"rate":            {model.Metric{Name: "q", Unit: "By/s", Type: model.MetricGauge}, "q_bytes_per_second"},
		"per":             {model.Metric{Name: "q", Unit: "{request}/s", Type: model.MetricGauge}, "q_per_second"},
		"open brace":      {model.Metric{Name: "q", Unit: "{x", Type: model.MetricGauge}, "q"},
		"length":          {model.Metric{Name: "q", Unit: "m", Type: model.MetricGauge}, "q_meters"},
		"mass":            {model.Metric{Name: "q", Unit: "g", Type: model.MetricGauge}, "q_grams"},
		"by the minute":   {model.Metric{Name: "q", Unit: "By/m", Type: model.MetricGauge}, "q_bytes_per_minute"},
		"decimal":         {model.Metric{Name: "q", Unit: "KBy", Type: model.MetricGauge}, "q_kilobytes"},
		"Prometheus' way": {model.Metric{Name: "q", Unit: "TiBy", Type: model.MetricGauge}, "q_tibibytes"},
		"ratio":           {model.Metric{Name: "q", Unit: "1", Type: model.MetricGauge}, "q_ratio"},
		"no ratio":        {model.Metric{Name: "q", Unit: "1", Type: model.MetricSum, Temporality: model.TemporalityCumulative}, "q"},
		"underscores":     {model.Metric{Name: "a__b..c_", Type: model.MetricGauge}, "a_b_c"},
		"nothing legal":   {model.Metric{Name: "да", Unit: "s", Type: model.MetricGauge}, "U_434_430_seconds"},
		"no name":         {model.Metric{Type: model.MetricGauge}, "U"},
		"other unit":      {model.Metric{Name: "q", Unit: "kat", Type: model.MetricGauge}, "q_kat"},
		"has its unit":    {model.Metric{Name: "q.seconds", Unit: "s", Type: model.MetricGauge}, "q_seconds"},
		"delta":           {model.Metric{Name: "q", Type: model.MetricSum, Monotonic: true, Temporality: model.TemporalityDelta}, "q"},
		"not monotonic":   {model.Metric{Name: "q_total", Type: model.MetricSum, Temporality: model.TemporalityCumulative}, "q_total"},
	} {
		t.Run(name, func(t *testing.T) {
			text := exposition(t, doublePoint(testSeries(&tc.metric, nil), 0, 1))
			assert.Contains(t, text, "# TYPE "+tc.want+" gauge\n")
			assert.Contains(t, text, "\n"+tc.want+" 1\n")
		})
	}
}

func TestOpenMetricsLeavesStalePointsOut(t *testing.T) {
	p := doublePoint(testSeries(&model.Metric{Name: "m", Type: model.MetricGauge}, nil), 1, 1)
	p.Flags = model.FlagNoRecordedValue
	assert.Empty(t, exposition(t, p))
}

func TestCSV(t *testing.T) {
	series := testSeries(&model.Metric{Name: "m,\"x\"", Unit: "s", Type: model.MetricGauge}, attribute("k", "a,b"))
	series.Resource = &model.Resource{Attributes: attribute("service.name", "shop")}
	histogram := testSeries(&model.Metric{Name: "h", Type: model.MetricHistogram, Temporality: model.TemporalityDelta}, nil)
	text, err := EncodeCSV([]model.Point{
		doublePoint(series, 1_700_000_000_000_000_001, math.Inf(1)),
		{Series: histogram, Start: 1e9, Time: 2e9, Histogram: &model.Histogram{
			Count: math.MaxUint64, Max: model.Optional{Value: 2, Set: true}, Bounds: []float64{1}, Counts: []uint64{1, math.MaxUint64},
		}},
	})
	require.NoError(t, err)
	lines, err := csv.NewReader(strings.NewReader(CSVHeader + string(text))).ReadAll()
	require.NoError(t, err)
	assert.Equal(t, []string{
		"2023-11-14T22:13:20.000000001Z", "", "m,\"x\"", "s", "gauge", "", "false", "+Inf", "", "", "", "", "",
		"shop", "", `{"k":"a,b"}`, `{"service.name":"shop"}`,
	}, lines[1])
	assert.Equal(t, []string{
		"1970-01-01T00:00:02Z", "1970-01-01T00:00:01Z", "h", "", "histogram", "delta", "false", "",
		"18446744073709551615", "", "", "2", `{"bounds":[1],"counts":[1,1.8446744073709552e+19]}`, "", "", "", "",
	}, lines[2])
}

func TestCSVDetails(t *testing.T) {
	exponential := csvFigures(&model.Point{Exponential: &model.ExponentialHistogram{
		Count: 3, Scale: 1, Positive: model.Buckets{Offset: 2, Counts: []uint64{3}},
	}})
	assert.Equal(t, "3", exponential.count)
	assert.JSONEq(t, `{"scale":1,"zero_count":0,"zero_threshold":0,"positive_offset":2,"positive_counts":[3],
		"negative_offset":0,"negative_counts":[]}`, exponential.detail)
	summary := csvFigures(&model.Point{Summary: &model.Summary{Count: 1, Sum: 2, Quantiles: []model.Quantile{{Q: 0.5, Value: 3}}}})
	assert.Equal(t, figures{count: "1", sum: "2", detail: `{"0.5":3}`}, summary)
}

func TestOTLPExports(t *testing.T) {
	metric := &model.Metric{Name: "m", Type: model.MetricSum, Temporality: model.TemporalityDelta}
	p := doublePoint(testSeries(metric, nil), 5, 1)
	p.Exemplars = []model.Exemplar{{TraceID: model.TraceID{0xab}}}
	line, err := EncodePoints(tapiov1.ExportMetricsRequest_FORMAT_UNSPECIFIED, []model.Point{p})
	require.NoError(t, err)
	assert.Equal(t, `{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"m","sum":{"dataPoints":[`+
		`{"timeUnixNano":"5","asDouble":1,"exemplars":[{"traceId":"ab000000000000000000000000000000"}]}],`+
		`"aggregationTemporality":1}}]}]}]}`+"\n", string(line))

	whole, err := EncodePoints(tapiov1.ExportMetricsRequest_FORMAT_OTLP_PROTO, []model.Point{p})
	require.NoError(t, err)
	var got, fromJSON collectormetricsv1.ExportMetricsServiceRequest
	require.NoError(t, proto.Unmarshal(whole, &got))
	require.NoError(t, JSON{}.Unmarshal(line, &fromJSON))
	requireSame(t, &got, &fromJSON)
}

func TestEveryFormatOfNothingIsNothing(t *testing.T) {
	for number, name := range tapiov1.ExportMetricsRequest_Format_name {
		format := tapiov1.ExportMetricsRequest_Format(number)
		data, err := EncodePoints(format, nil)
		require.NoError(t, err, name)
		assert.Empty(t, data, name)
		assert.NotEmpty(t, ContentType(format), name)
	}
}

// Names and labels that become one in Prometheus' spelling stay apart.
func TestOpenMetricsCollisions(t *testing.T) {
	number := func(name, unit string, kind model.MetricType, attributes, resource model.Attributes, value float64) model.Point {
		s := testSeries(&model.Metric{Name: name, Unit: unit, Type: kind, Monotonic: true, Temporality: model.TemporalityCumulative}, attributes)
		s.Resource = &model.Resource{Attributes: resource}
		return doublePoint(s, 1e9, value)
	}
	keys := func(list ...string) (out model.Attributes) {
		for _, key := range list {
			out = append(out, model.KeyValue{Key: key, Value: model.StringValue(key)})
		}
		return out
	}
	sum, gauge := model.MetricSum, model.MetricGauge
	for name, test := range map[string]struct {
		points []model.Point
		want   []string
	}{
		"names": {
			[]model.Point{number("a.b", "", sum, nil, nil, 1), number("a_b", "", sum, nil, nil, 2), number("a-b", "", gauge, nil, nil, 3)},
			[]string{
				"# TYPE a_b counter", `a_b_total{otel_metric_name="a.b"} 1 1`, `a_b_total{otel_metric_name="a_b"} 2 1`,
				"# TYPE a_b_gauge gauge", "a_b_gauge 3 1",
			},
		},
		"samples of another family": {
			[]model.Point{number("jobs_total", "", gauge, nil, nil, 1), number("jobs", "", sum, nil, nil, 2)},
			[]string{"# TYPE jobs counter", "jobs_total 2 1", "# TYPE jobs_total_gauge gauge", "jobs_total_gauge 1 1"},
		},
		"units": {
			[]model.Point{number("q", "{a}", gauge, nil, nil, 1), number("q", "{b}", gauge, nil, nil, 2)},
			[]string{"# TYPE q gauge", "q 1 1", `q{otel_series="2"} 2 1`},
		},
		"keys": {
			[]model.Point{number("q", "", gauge, keys("x_y", "x.y", "x-y"), nil, 1)},
			[]string{"# TYPE q gauge", `q{x_y="x-y;x.y;x_y"} 1 1`},
		},
		"keys of point and resource": {
			[]model.Point{number("q", "", gauge, keys("x"), keys("x", "exported_x"), 1)},
			[]string{"# TYPE q gauge", `q{exported_exported_x="x",exported_x="exported_x",x="x"} 1 1`},
		},
		"reserved keys": {
			[]model.Point{number("q", "", gauge, keys("__name__", "le", "otel_series", "otel.scope.name", "7", "é", ""), nil, 1)},
			[]string{"# TYPE q gauge", `q{U__e9="é",exported_le="le",exported_name="__name__",exported_otel_scope_name="otel.scope.name",exported_otel_series="otel_series",key_7="7"} 1 1`},
		},
		"empty values": {
			[]model.Point{number("q", "", gauge, attribute("k", ""), nil, 1), number("q", "", gauge, nil, nil, 2)},
			[]string{"# TYPE q gauge", `q 2 1`, `q{otel_series="2"} 1 1`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			slices.Reverse(test.points) // their order does not matter
			assert.Equal(t, strings.Join(test.want, "\n")+"\n", exposition(t, test.points...))
		})
	}
}

func TestOpenMetricsOneSampleATime(t *testing.T) {
	s := testSeries(&model.Metric{Name: "m", Type: model.MetricGauge}, nil)
	again := *s // another page of the store's answer
	assert.Equal(t, "# TYPE m gauge\nm 1 1\nm 2 2\n",
		exposition(t, doublePoint(s, 1e9, 1), doublePoint(s, 2e9, 2), doublePoint(&again, 1e9, 1)))
}
