// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/tapio/tapio/cmd/tapioctl/internal/exitcode"
	"github.com/tapio/tapio/cmd/tapioctl/internal/render"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

type logStream = grpc.ServerStreamingServer[tapiov1.StreamLogsResponse]

func sampleLoss() *tapiov1.Loss {
	return &tapiov1.Loss{Reason: tapiov1.Loss_REASON_READER_LAPPED, Count: 1500, FirstSequence: 2, LastSequence: 1501}
}

// storedLogs streams a plain log line, then a loss and a full event.
func storedLogs(asked *tapiov1.StreamLogsRequest) func(*tapiov1.StreamLogsRequest, logStream) error {
	return func(request *tapiov1.StreamLogsRequest, stream logStream) error {
		proto.Merge(asked, request)
		if err := stream.Send(&tapiov1.StreamLogsResponse{Logs: []*tapiov1.Event{sampleLog(1, "started")}}); err != nil {
			return err
		}
		return stream.Send(&tapiov1.StreamLogsResponse{Loss: sampleLoss(), Logs: []*tapiov1.Event{sampleEvent()}})
	}
}

const lossLine = "tapioctl: lost 1,500 records (sequence 2 to 1501): this reader was slower than the writers; narrow the selection\n"

func TestObserveFormats(t *testing.T) {
	for _, format := range []string{"compact", "table", "dict", "json", "yaml"} {
		t.Run(format, func(t *testing.T) {
			c := newCLI(t, &fakeServer{streamLogs: storedLogs(&tapiov1.StreamLogsRequest{})})
			r := c.run(t, "observe", "-o", format)
			assert.Equal(t, exitcode.OK, r.code)
			assert.Equal(t, lossLine, r.errOut, "a loss is printed in every format")
			requireGolden(t, "observe_"+format+".golden", r.out)
		})
	}
}

func TestObserveInColor(t *testing.T) {
	c := newCLI(t, &fakeServer{streamLogs: storedLogs(&tapiov1.StreamLogsRequest{})})
	r := c.run(t, "observe", "--color", "always")
	assert.Contains(t, r.out, "\x1b[31mERROR\x1b[0m")
	assert.NotContains(t, r.out, "\x1b[2J", "a record must not control the terminal")
}

func TestObserveJSONPBIsTheAnswerItself(t *testing.T) {
	c := newCLI(t, &fakeServer{streamLogs: storedLogs(&tapiov1.StreamLogsRequest{})})
	r := c.run(t, "observe", "-o", "jsonpb")
	lines := strings.Split(strings.TrimSpace(r.out), "\n")
	require.Len(t, lines, 2)
	var got tapiov1.StreamLogsResponse
	require.NoError(t, protojson.Unmarshal([]byte(lines[1]), &got))
	want := &tapiov1.StreamLogsResponse{Loss: sampleLoss(), Logs: []*tapiov1.Event{sampleEvent()}}
	assert.True(t, proto.Equal(want, &got), "got %v", &got)
}

func TestObserveJSONHasOneObjectALine(t *testing.T) {
	c := newCLI(t, &fakeServer{streamLogs: storedLogs(&tapiov1.StreamLogsRequest{})})
	lines := strings.Split(strings.TrimSpace(c.run(t, "observe", "-o", "json").out), "\n")
	require.Len(t, lines, 3)
	for _, line := range lines {
		assert.True(t, json.Valid([]byte(line)), line)
	}
	assert.JSONEq(t, `{"loss":{"reason":"REASON_READER_LAPPED","count":"1500","firstSequence":"2","lastSequence":"1501"}}`, lines[1])
}

func TestObserveAsks(t *testing.T) {
	for name, test := range map[string]struct {
		args []string
		want string
	}{
		"the last 20 by default": {nil, `{"filter":{},"start":{"last":20},"historyOnly":true,"excludeEvents":true}`},
		"the last N":             {[]string{"--last", "7"}, `{"filter":{},"start":{"last":7},"historyOnly":true,"excludeEvents":true}`},
		"since an age":           {[]string{"--since", "5m"}, `{"filter":{},"start":{"since":"300s"},"historyOnly":true,"excludeEvents":true}`},
		"since days":             {[]string{"--since", "2d"}, `{"filter":{},"start":{"since":"172800s"},"historyOnly":true,"excludeEvents":true}`},
		"since a time":           {[]string{"--since", "2026-11-23T14:29:00Z"}, `{"filter":{},"start":{"since":"60s"},"historyOnly":true,"excludeEvents":true}`},
		"selection": {
			[]string{
				"logs", "-l", "a=b,!c", "-l", "team in (x,y)", "--service", "s1,s2", "-n", "shop", "--severity", "WARN",
				"--event-name", "tapio.*", "--text", "boom", "--not",
			},
			`{"filter":{"labelSelectors":[{"key":"a","operator":"=","values":["b"]},{"key":"c","operator":"!exists"},
				{"key":"team","operator":"in","values":["x","y"]}],"minSeverity":"SEVERITY_WARN","eventNames":["tapio.*"],
				"services":["s1","s2"],"namespaces":["shop"],"text":"boom","invert":true},"start":{"last":20},"historyOnly":true}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			var asked tapiov1.StreamLogsRequest
			c := newCLI(t, &fakeServer{streamLogs: storedLogs(&asked)})
			r := c.run(t, append([]string{"observe"}, test.args...)...)
			require.Equal(t, exitcode.OK, r.code, r.errOut)
			assert.JSONEq(t, test.want, string(render.AppendJSON(nil, &asked)))
		})
	}
}

func TestObserveEvents(t *testing.T) {
	var asked tapiov1.SubscribeToEventsRequest
	c := newCLI(t, &fakeServer{
		subscribe: func(r *tapiov1.SubscribeToEventsRequest, s grpc.ServerStreamingServer[tapiov1.SubscribeToEventsResponse]) error {
			proto.Merge(&asked, r)
			return s.Send(&tapiov1.SubscribeToEventsResponse{Events: []*tapiov1.Event{sampleEvent()}})
		},
	})
	r := c.run(t, "observe", "events", "--last", "3")
	requireSuccess(t, r)
	assert.Contains(t, r.out, "payment.declined")
	assert.JSONEq(t, `{"filter":{},"start":{"last":3},"historyOnly":true}`, string(render.AppendJSON(nil, &asked)))
}

func TestObserveRefusesBeforeItAsks(t *testing.T) {
	for name, test := range map[string]struct {
		args []string
		want string
	}{
		"last 0":           {[]string{"--last", "0"}, "--last must be 1 to 10000"},
		"last too large":   {[]string{"--last", "10001"}, "--last must be 1 to 10000"},
		"last and since":   {[]string{"--last", "1", "--since", "1m"}, "last since"},
		"future":           {[]string{"--since", "2030-01-01T00:00:00Z"}, "is in the future"},
		"no time":          {[]string{"--since", "yesterday"}, "give the time as an age"},
		"negative age":     {[]string{"--since", "-5m"}, "give the time as an age"},
		"severity":         {[]string{"--severity", "loud"}, "use one of trace, debug"},
		"selector":         {[]string{"-l", "a in b"}, "parentheses"},
		"format":           {[]string{"-o", "xml"}, "use one of compact"},
		"unknown argument": {[]string{"traffic"}, "invalid argument"},
		"file and follow":  {[]string{"--input-file", "-", "-f"}, "input-file"},
		"no such file":     {[]string{"--input-file", "/nowhere/records.jsonl"}, "--input-file: open /nowhere"},
		"unknown flag":     {[]string{"--loud"}, "unknown flag"},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCLI(t, &fakeServer{})
			r := c.run(t, append([]string{"observe"}, test.args...)...)
			assert.Equal(t, exitcode.Usage, r.code)
			assert.Contains(t, r.errOut, test.want)
			assert.Equal(t, 1, strings.Count(r.errOut, "\n"), "one line")
			assert.Empty(t, r.out)
		})
	}
}
