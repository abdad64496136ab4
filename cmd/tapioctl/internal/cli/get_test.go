// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metricsv1 "go.opentelemetry.io/proto/otlp/metrics/v1"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/tapio/tapio/cmd/tapioctl/internal/exitcode"
	"github.com/tapio/tapio/cmd/tapioctl/internal/get"
	"github.com/tapio/tapio/cmd/tapioctl/internal/render"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// pagedLogs serves pages of three lines for ever and records the requests.
func pagedLogs(asked *[]*tapiov1.GetLogsRequest) func(*tapiov1.GetLogsRequest) (*tapiov1.GetLogsResponse, error) {
	return func(request *tapiov1.GetLogsRequest) (*tapiov1.GetLogsResponse, error) {
		*asked = append(*asked, proto.CloneOf(request))
		page := uint64(len(*asked))
		var logs []*tapiov1.Event
		for i := range uint64(3) {
			logs = append(logs, sampleLog(page*3+i, fmt.Sprintf("line %d.%d", page, i)))
		}
		return &tapiov1.GetLogsResponse{Logs: logs, NextPageToken: fmt.Sprint("page ", page+1)}, nil
	}
}

func TestGetLogsFollowsPagesToTheLimit(t *testing.T) {
	for _, format := range []string{"table", "json", "jsonpb"} {
		t.Run(format, func(t *testing.T) {
			var asked []*tapiov1.GetLogsRequest
			c := newCLI(t, &fakeServer{getLogs: pagedLogs(&asked)})
			r := c.run(t, "get", "logs", "--limit", "5", "--trace", sampleTrace, "-o", format)
			requireSuccess(t, r)
			assert.Equal(t, 5, strings.Count(r.out, `line `)-strings.Count(r.out, `"log-line `))
			assert.NotContains(t, r.out, "line 2.2")
			require.Len(t, asked, 2)
			assert.Empty(t, asked[0].GetFilter().GetPageToken())
			assert.Equal(t, "page 2", asked[1].GetFilter().GetPageToken())
			asked[1].Filter.PageToken = ""
			assert.True(t, proto.Equal(asked[0], asked[1]), "only the page token may change between pages")
			assert.Equal(t, sampleTrace, asked[0].GetTraceId())
		})
	}
}

func TestGetEndsWithTheLastPage(t *testing.T) {
	for name, token := range map[string]string{"no token": "", "the same token again": "stuck"} {
		t.Run(name, func(t *testing.T) {
			calls := 0
			c := newCLI(t, &fakeServer{getLogs: func(*tapiov1.GetLogsRequest) (*tapiov1.GetLogsResponse, error) {
				calls++
				return &tapiov1.GetLogsResponse{NextPageToken: token}, nil
			}})
			r := c.run(t, "get", "logs")
			assert.Equal(t, exitcode.OK, r.code)
			assert.Equal(t, "tapioctl: no logs found\n", r.errOut)
			assert.Empty(t, r.out)
			assert.LessOrEqual(t, calls, 2)
		})
	}
}

func TestGetTimeRange(t *testing.T) {
	for name, test := range map[string]struct {
		args []string
		want string
	}{
		"all":           {nil, `{"limit":100}`},
		"last":          {[]string{"--since", "1h"}, `{"limit":100,"timeRange":{"last":"3600s"}}`},
		"between":       {[]string{"--since", "1h", "--until", "10m"}, `{"limit":100,"timeRange":{"start":"2026-11-23T13:30:00Z","end":"2026-11-23T14:20:00Z"}}`},
		"from":          {[]string{"--since", "2026-11-23T15:00:00+02:00"}, `{"limit":100,"timeRange":{"start":"2026-11-23T13:00:00Z"}}`},
		"up to":         {[]string{"--until", "1m", "--oldest-first"}, `{"limit":100,"ascending":true,"timeRange":{"end":"2026-11-23T14:29:00Z"}}`},
		"a large limit": {[]string{"--limit", "5000"}, `{"limit":1000}`},
	} {
		t.Run(name, func(t *testing.T) {
			var asked tapiov1.GetEventsRequest
			c := newCLI(t, &fakeServer{getEvents: func(r *tapiov1.GetEventsRequest) (*tapiov1.GetEventsResponse, error) {
				proto.Merge(&asked, r)
				return &tapiov1.GetEventsResponse{Events: []*tapiov1.Event{sampleEvent()}}, nil
			}})
			r := c.run(t, append([]string{"get", "events"}, test.args...)...)
			requireSuccess(t, r)
			assert.Contains(t, r.out, "payment.declined")
			assert.JSONEq(t, test.want, string(render.AppendJSON(nil, asked.GetFilter())))
		})
	}
}

func TestGetRefusesBeforeItAsks(t *testing.T) {
	for want, args := range map[string][]string{
		"is before":                 {"logs", "--since", "1m", "--until", "1h"},
		"--until \"noon\"":          {"logs", "--until", "noon"},
		"--limit must be 1":         {"events", "--limit", "0"},
		"need an --aggregation":     {"metrics", "--group-by", "pod"},
		"use one of none":           {"metrics", "--aggregation", "p42"},
		"missing argument: ID":      {"trace"},
		"unknown command":           {"logs", "extra"},
		`unknown command "nothing"`: {"nothing"},
		"missing argument: one of":  {},
		"unknown shorthand flag":    {"logs", "-z"},
		"invalid argument \"soon\"": {"traces", "--min-duration", "soon"},
	} {
		t.Run(want, func(t *testing.T) {
			r := newCLI(t, &fakeServer{}).run(t, append([]string{"get"}, args...)...)
			assert.Equal(t, exitcode.Usage, r.code)
			assert.Contains(t, r.errOut, want)
			assert.Empty(t, r.out)
		})
	}
}

func TestGetEvent(t *testing.T) {
	c := newCLI(t, &fakeServer{eventByID: func(r *tapiov1.GetEventByIdRequest) (*tapiov1.GetEventByIdResponse, error) {
		assert.Equal(t, "event-1", r.GetId())
		return &tapiov1.GetEventByIdResponse{Event: sampleEvent()}, nil
	}})
	r := c.run(t, "get", "event", "event-1")
	requireSuccess(t, r)
	requireGolden(t, "get_event.golden", r.out)
}

func TestGetTraces(t *testing.T) {
	var asked tapiov1.GetTracesRequest
	c := newCLI(t, &fakeServer{getTraces: func(r *tapiov1.GetTracesRequest) (*tapiov1.GetTracesResponse, error) {
		proto.Reset(&asked)
		proto.Merge(&asked, r)
		return &tapiov1.GetTracesResponse{Traces: []*tapiov1.Trace{sampleHead()}}, nil
	}})
	r := c.run(t, "get", "traces", "--operation", "GET *", "--min-duration", "500ms", "--max-duration", "2s",
		"--error", "--service", "web")
	requireSuccess(t, r)
	requireGolden(t, "get_traces.golden", r.out)
	assert.JSONEq(t, `{"query":{"filter":{"services":["web"],"limit":20},
		"operations":["GET *"],"minDuration":"0.500s","maxDuration":"2s","statusCodes":[2]},"summariesOnly":true}`, string(render.AppendJSON(nil, &asked)))

	r = c.run(t, "get", "traces", "--id", sampleTrace, "-o", "json")
	assert.JSONEq(t, `{"query":{"traceIds":["`+sampleTrace+`"],"filter":{"limit":20}}}`, string(render.AppendJSON(nil, &asked)))
	requireSuccess(t, r)
	assert.JSONEq(t, string(render.AppendJSON(nil, sampleHead())), r.out)
}

func TestGetTrace(t *testing.T) {
	c := newCLI(t, &fakeServer{timeline: func(r *tapiov1.GetTraceTimelineRequest) (*tapiov1.GetTraceTimelineResponse, error) {
		assert.Equal(t, sampleTrace, r.GetTraceId())
		answer := sampleTimeline()
		if r.GetOmitLogs() {
			answer.Logs = nil
		}
		return answer, nil
	}})
	r := c.run(t, "get", "trace", sampleTrace)
	requireSuccess(t, r)
	requireGolden(t, "get_trace.golden", r.out)
	assert.NotContains(t, c.run(t, "get", "trace", sampleTrace, "--no-logs").out, "LOGS")
}

func TestTreeBranchesOfADeepTrace(t *testing.T) {
	var spans []*timelineSpan
	for depth := range uint32(200) {
		spans = append(spans, sampleSpan(depth, "s", "recurse", 0, 0))
	}
	branches := get.TreeBranches(spans)
	assert.Equal(t, branches[get.MaxDrawnDepth][:3*(get.MaxDrawnDepth-1)], strings.Repeat(" ", 3*(get.MaxDrawnDepth-1)))
	assert.Len(t, []rune(branches[199]), 3*get.MaxDrawnDepth)
}

func TestGetMetricPoints(t *testing.T) {
	answer := func(*tapiov1.GetMetricsRequest) (*tapiov1.GetMetricsResponse, error) {
		return &tapiov1.GetMetricsResponse{ResourceMetrics: samplePoints(7, 6, 5)}, nil
	}
	c := newCLI(t, &fakeServer{getMetrics: answer})
	r := c.run(t, "get", "metrics")
	requireSuccess(t, r)
	requireGolden(t, "get_metrics.golden", r.out)

	r = c.run(t, "get", "metrics", "--limit", "2", "--oldest-first")
	requireSuccess(t, r)
	lines := strings.Split(strings.TrimSpace(r.out), "\n")
	require.Len(t, lines, 3, "a heading and two points")
	assert.Contains(t, lines[2], " 7 ")
}

func TestGetMetricSeries(t *testing.T) {
	var asked tapiov1.GetMetricsRequest
	c := newCLI(t, &fakeServer{getMetrics: func(r *tapiov1.GetMetricsRequest) (*tapiov1.GetMetricsResponse, error) {
		proto.Merge(&asked, r)
		point := func(v float64) *tapiov1.MetricSeries_Point {
			return &tapiov1.MetricSeries_Point{Time: timestamppb.New(testNow()), Value: v, SampleCount: 12}
		}
		return &tapiov1.GetMetricsResponse{TruncatedSeries: 1234, Series: []*tapiov1.MetricSeries{
			{MetricName: "latency", Unit: "s", Labels: map[string]string{"pod": "p1", "service": "web"}, Points: []*tapiov1.MetricSeries_Point{point(0.25)}},
			{
				MetricName: "latency", Unit: "s", Labels: map[string]string{"service": "cart"}, Points: []*tapiov1.MetricSeries_Point{point(2)},
				SourceSeriesCount: 3, MultipleWriterSeriesCount: 1,
			},
		}}, nil
	}})
	r := c.run(t, "get", "metrics", "--name", "lat*", "--name", "x", "--aggregation", "P95", "--group-by", "service,pod",
		"--resolution", "1m", "--since", "1h")
	assert.Equal(t, exitcode.OK, r.code)
	assert.Equal(t, "tapioctl: 1,234 more series left out: raise --limit or narrow the question\n"+
		"tapioctl: metric \"latency\": 1 of 3 series have more than one writer: give each process a service.instance.id of its own\n", r.errOut)
	requireGolden(t, "get_series.golden", r.out)
	assert.JSONEq(t, `{"query":{"metricNames":["lat*","x"],"filter":{"timeRange":{"last":"3600s"},"limit":100},
		"aggregation":"AGGREGATION_TYPE_P95","groupBy":["service","pod"],"resolution":"60s"}}`, string(render.AppendJSON(nil, &asked)))
}

func TestCutPointsOfEveryKind(t *testing.T) {
	metrics := []*metricsv1.Metric{
		{Data: &metricsv1.Metric_Gauge{Gauge: &metricsv1.Gauge{DataPoints: make([]*metricsv1.NumberDataPoint, 3)}}},
		{Data: &metricsv1.Metric_Sum{Sum: &metricsv1.Sum{DataPoints: make([]*metricsv1.NumberDataPoint, 3)}}},
		{Data: &metricsv1.Metric_Histogram{Histogram: &metricsv1.Histogram{DataPoints: make([]*metricsv1.HistogramDataPoint, 3)}}},
		{Data: &metricsv1.Metric_ExponentialHistogram{ExponentialHistogram: &metricsv1.ExponentialHistogram{
			DataPoints: make([]*metricsv1.ExponentialHistogramDataPoint, 3),
		}}},
		{Data: &metricsv1.Metric_Summary{Summary: &metricsv1.Summary{DataPoints: make([]*metricsv1.SummaryDataPoint, 3)}}},
		{},
	}
	resources := []*metricsv1.ResourceMetrics{{ScopeMetrics: []*metricsv1.ScopeMetrics{{Metrics: metrics}}}}
	assert.Equal(t, 15, render.CutPoints(resources, 100))
	assert.Equal(t, 13, render.CutPoints(resources, 13))
	assert.Equal(t, 7, render.CutPoints(resources, 7))
	assert.Len(t, render.PointsOf(resources), 7)
}

func TestExportMetrics(t *testing.T) {
	var asked tapiov1.ExportMetricsRequest
	c := newCLI(t, &fakeServer{exportChunks: func(r *tapiov1.ExportMetricsRequest) []string {
		proto.Reset(&asked)
		proto.Merge(&asked, r)
		return []string{"a 1\n", "b \x00 2\n"}
	}})
	for format, want := range map[string]tapiov1.ExportMetricsRequest_Format{
		"openmetrics": tapiov1.ExportMetricsRequest_FORMAT_OPENMETRICS,
		"csv":         tapiov1.ExportMetricsRequest_FORMAT_CSV,
		"otlp-json":   tapiov1.ExportMetricsRequest_FORMAT_OTLP_JSON,
		"otlp-proto":  tapiov1.ExportMetricsRequest_FORMAT_OTLP_PROTO,
	} {
		r := c.run(t, "export", "metrics", "--format", format, "--name", "a")
		requireSuccess(t, r)
		assert.Equal(t, "a 1\nb \x00 2\n", r.out, "chunks are joined byte by byte")
		assert.Equal(t, want, asked.GetFormat())
		assert.Zero(t, asked.GetQuery().GetFilter().GetLimit(), "all points")
	}
	c.app.Out.Terminal = true
	assert.Equal(t, exitcode.Usage, c.run(t, "export", "metrics", "--format", "otlp-proto").code)
}
