// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protojson"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// recorded is what the fake server's records look like in a file.
func recorded(t *testing.T, format string) string {
	t.Helper()
	c := newCLI(t, &fakeServer{streamLogs: storedLogs(&tapiov1.StreamLogsRequest{})})
	r := c.run(t, "observe", "-o", format)
	require.Equal(t, exitOK, r.code)
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
		assert.Equal(t, exitOK, r.code)
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
			assert.Equal(t, exitOK, r.code)
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
		assert.Equal(t, exitUsage, r.code, bad)
		assert.Contains(t, r.errOut, want)
		assert.Contains(t, r.out, " a\n", "what stands before it is shown")
	}
}
