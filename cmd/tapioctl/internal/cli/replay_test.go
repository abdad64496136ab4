// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/tapio/tapio/cmd/tapioctl/internal/exitcode"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// recorded is what the fake server's records look like in a file.
func recorded(t *testing.T, format string) string {
	t.Helper()
	c := newCLI(t, &fakeServer{streamLogs: storedLogs(&tapiov1.StreamLogsRequest{})})
	r := c.run(t, "observe", "-o", format)
	require.Equal(t, exitcode.OK, r.code)
	return r.out
}

func replay(t *testing.T, file string, args ...string) result {
	t.Helper()
	c := newCLI(t, &fakeServer{})
	c.in.WriteString(file)
	return c.run(t, append([]string{"observe", "--input-file", "-"}, args...)...)
}

// What was printed comes back as it was, losses included, in both formats.
func TestReplayGivesWhatWasPrinted(t *testing.T) {
	want := recorded(t, "json")
	for _, format := range []string{"json", "jsonpb"} {
		r := replay(t, recorded(t, format), "-o", "json")
		assert.Equal(t, exitcode.OK, r.code)
		assert.Equal(t, lossLine, r.errOut)
		assert.Equal(t, want, r.out, format)
	}
	paged, err := protojson.Marshal(&tapiov1.GetLogsResponse{Logs: []*tapiov1.Event{sampleEvent()}, NextPageToken: "x"})
	require.NoError(t, err)
	requireSuccess(t, replay(t, string(paged)))
}

func TestReplayFilters(t *testing.T) {
	for name, test := range map[string]struct {
		args  []string
		lines int
	}{
		"all":                {nil, 2},
		"events":             {[]string{"events"}, 1},
		"severity":           {[]string{"--severity", "error"}, 1},
		"short name":         {[]string{"-l", "service in (cart,other)"}, 1},
		"inverted":           {[]string{"--not", "--service", "cart"}, 1},
		"text in any case":   {[]string{"--text", "STARTED"}, 1},
		"nothing":            {[]string{"--service", "nobody"}, 0},
		"the last one":       {[]string{"--last", "1"}, 1},
		"more than there is": {[]string{"--last", "9"}, 2},
		"by time":            {[]string{"--since", "65s"}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			r := replay(t, recorded(t, "json"), test.args...)
			assert.Equal(t, exitcode.OK, r.code)
			assert.Equal(t, test.lines, strings.Count(r.out, "\n"), r.out)
		})
	}
}

func TestReplayNamesTheBadLine(t *testing.T) {
	good := `{"logRecord":{"body":{"stringValue":"a"}}}` + "\n\n"
	for bad, want := range map[string]string{
		"no JSON":                               "line 3: is not a JSON object",
		`{"resourceSpans":[]}`:                  "line 3: has none of the keys logRecord, logs, events",
		`{"logRecord":{"traceId":"zz"}}`:        "line 3: logRecord.traceId",
		`{"logRecord":{"severityNumber":77}}`:   "line 3: event.log_record.severity_number",
		`{"logs":[{"logRecord":{"body":"x"}}]}`: "line 3: ",
	} {
		r := replay(t, good+bad+"\n")
		assert.Equal(t, exitcode.Usage, r.code, bad)
		assert.Contains(t, r.errOut, want)
		assert.Contains(t, r.out, " a\n", "what stands before it is shown")
	}
}

// printed is what the fake server's records of a signal look like in a file.
func printed(t *testing.T, signal, format string) string {
	t.Helper()
	c := newCLI(t, &fakeServer{
		streamSpans: func(*tapiov1.StreamTracesRequest) *tapiov1.StreamTracesResponse { return sampleSpans() },
		streamPoints: func(*tapiov1.StreamMetricsRequest) *tapiov1.StreamMetricsResponse {
			return &tapiov1.StreamMetricsResponse{ResourceMetrics: samplePoints(7, 8), LastSequence: 3}
		},
	})
	r := c.run(t, "observe", signal, "-o", format)
	require.Equal(t, exitcode.OK, r.code)
	return r.out
}

func replaySignal(t *testing.T, signal, file string, args ...string) result {
	t.Helper()
	c := newCLI(t, &fakeServer{})
	c.in.WriteString(file)
	return c.run(t, append([]string{"observe", signal, "--input-file", "-"}, args...)...)
}

// Spans and points come back as they were printed, in both formats, and so does
// what the collector's file exporter writes.
func TestReplayOfSpansAndMetrics(t *testing.T) {
	for _, signal := range []string{"spans", "metrics"} {
		want := printed(t, signal, "json")
		for _, format := range []string{"json", "jsonpb"} {
			r := replaySignal(t, signal, printed(t, signal, format), "-o", "json")
			require.Equal(t, exitcode.OK, r.code, r.errOut)
			assert.Equal(t, want, r.out, "%s as %s", signal, format)
		}
	}
	resource := strings.SplitN(printed(t, "spans", "json"), "\n", 2)[1] // behind the loss
	exported := `{"resourceSpans":[` + strings.TrimSpace(resource) + `]}`
	assert.Equal(t, resource, replaySignal(t, "spans", exported, "-o", "json").out)
}

func TestReplayFiltersSpansAndMetrics(t *testing.T) {
	for name, test := range map[string]struct {
		signal string
		args   []string
		lines  int
	}{
		"all spans":      {"spans", nil, 2},
		"failed":         {"spans", []string{"--error"}, 1},
		"long":           {"spans", []string{"--min-duration", "1s"}, 1},
		"short":          {"spans", []string{"--max-duration", "1s"}, 1},
		"operation":      {"spans", []string{"--operation", "GET /c*"}, 1},
		"by trace":       {"spans", []string{"--trace", sampleTrace}, 2},
		"other trace":    {"spans", []string{"--trace", strings.Repeat("ab", 16)}, 0},
		"label":          {"spans", []string{"-l", "http.response.status_code>=500"}, 1},
		"message":        {"spans", []string{"--text", "REFUSED"}, 1},
		"the last span":  {"spans", []string{"--last", "1"}, 1},
		"too late":       {"spans", []string{"--until", "1h"}, 0},
		"inverted":       {"spans", []string{"--not", "--service", "web"}, 0},
		"all points":     {"metrics", nil, 3},
		"name":           {"metrics", []string{"--name", "req*"}, 2},
		"point label":    {"metrics", []string{"-l", "route=/a"}, 2},
		"since":          {"metrics", []string{"--since", "500ms"}, 2},
		"last points":    {"metrics", []string{"--last", "2"}, 2},
		"no such metric": {"metrics", []string{"--name", "nobody"}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			r := replaySignal(t, test.signal, printed(t, test.signal, "json"), test.args...)
			assert.Equal(t, exitcode.OK, r.code, r.errOut)
			assert.Equal(t, test.lines, strings.Count(r.out, "\n"), r.out)
			assert.Equal(t, test.lines == 0, strings.Contains(r.errOut, "no records found"), r.errOut)
		})
	}
}

func TestReplayNamesTheBadSpan(t *testing.T) {
	for bad, want := range map[string]string{
		`{"scopeSpans":[{"spans":[{"traceId":"zz"}]}]}`:   "line 1: scopeSpans[0].spans[0].traceId",
		`{"scopeSpans":[{"spans":[{"traceId":"abcd"}]}]}`: "line 1: resource_spans[0].scope_spans[0].spans[0].trace_id",
		`{"scopeMetrics":[]}`:                             "line 1: has none of the keys scopeSpans and resourceSpans",
		"\x7fELF":                                         "line 1: is not a JSON object",
	} {
		r := replaySignal(t, "spans", bad)
		assert.Equal(t, exitcode.Usage, r.code, bad)
		assert.Contains(t, r.errOut, want)
	}
}
