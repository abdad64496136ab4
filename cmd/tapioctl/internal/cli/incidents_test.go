// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	commonv1 "go.opentelemetry.io/proto/otlp/common/v1"
	logsv1 "go.opentelemetry.io/proto/otlp/logs/v1"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/tapio/tapio/cmd/tapioctl/internal/exitcode"
	"github.com/tapio/tapio/cmd/tapioctl/internal/render"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// revision is the record of a revision of an incident.
func revision(id string, sequence uint64) *tapiov1.Event {
	return &tapiov1.Event{Sequence: sequence, LogRecord: &logsv1.LogRecord{
		EventName: render.GroupEventName,
		Attributes: []*commonv1.KeyValue{{
			Key: render.FindingIDKey, Value: &commonv1.AnyValue{Value: &commonv1.AnyValue_StringValue{StringValue: id}},
		}},
	}}
}

// liveIncidents has one incident that is stored, and closes it and opens another
// while it is followed.
func liveIncidents(end func()) *fakeServer {
	var mu sync.Mutex // queries and the subscription are served at once
	groups := []*tapiov1.SemanticGroup{sampleGroup()}
	return &fakeServer{
		groups: func(r *tapiov1.GetSemanticGroupsRequest) (*tapiov1.GetSemanticGroupsResponse, error) {
			mu.Lock()
			defer mu.Unlock()
			var found []*tapiov1.SemanticGroup
			for _, g := range groups {
				if len(r.GetGroupIds()) == 0 || slices.Contains(r.GetGroupIds(), g.GetId()) {
					found = append(found, proto.CloneOf(g))
				}
			}
			return &tapiov1.GetSemanticGroupsResponse{Groups: found}, nil
		},
		subscribe: func(_ *tapiov1.SubscribeToEventsRequest, s grpc.ServerStreamingServer[tapiov1.SubscribeToEventsResponse]) error {
			defer end()
			send := func(events ...*tapiov1.Event) {
				_ = s.Send(&tapiov1.SubscribeToEventsResponse{Events: events})
			}
			send(revision("g-1", 1)) // unchanged: not printed again
			second := sampleGroup()
			second.Id, second.Title = "g-2", "search is slow"
			mu.Lock()
			groups[0].State = tapiov1.SemanticGroup_STATE_CLOSED
			groups = append([]*tapiov1.SemanticGroup{second}, groups...)
			mu.Unlock()
			send(revision("g-1", 2), revision("g-2", 3), revision("g-2", 4))
			return nil
		},
	}
}

func TestObserveIncidentsFollows(t *testing.T) {
	for _, args := range [][]string{{"observe", "incidents", "-f"}, {"get", "groups", "-w", "-o", "table"}} {
		ctx, interrupt := context.WithCancel(t.Context())
		c := newCLI(t, liveIncidents(func() {}))
		c.app.Sleep = func(context.Context, time.Duration) error { interrupt(); return ctx.Err() }
		r := c.runContext(ctx, args...)
		require.NotContains(t, r.out, "{", "never escaped JSON")
		lines := strings.Split(r.out, "\n")
		count := func(parts ...string) (n int) {
			for _, line := range lines {
				if !slices.ContainsFunc(parts, func(p string) bool { return !strings.Contains(strings.ToLower(line), p) }) {
					n++
				}
			}
			return n
		}
		assert.Equal(t, 1, count("growing", "g-1"), r.out)
		assert.Equal(t, 1, count("closed", "g-1"), r.out)
		assert.Equal(t, 1, count("growing", "g-2", "search is slow"), r.out)
	}
}

func TestObserveIncidentsIsReadable(t *testing.T) {
	c := newCLI(t, liveIncidents(func() {}))
	r := c.run(t, "observe", "incidents")
	requireSuccess(t, r)
	requireGolden(t, "observe_incidents.golden", r.out)
}

func TestGetInsightsPrintsOneTextForEachIncident(t *testing.T) {
	c := newCLI(t, &fakeServer{insights: func(r *tapiov1.GetInsightsRequest) (*tapiov1.GetInsightsResponse, error) {
		response, err := sampleInsights(r)
		response.Insights[1].Title, response.Insights[1].Severity = "checkout fails", tapiov1.Severity_SEVERITY_ERROR
		response.Insights[1].Text += "\nSecond line."
		response.Insights[1].Actions = sampleGroup().GetActions()
		return response, err
	}})
	r := c.run(t, "get", "insights")
	requireSuccess(t, r)
	requireGolden(t, "get_insights.golden", r.out)
}

func TestLongAttributesAreShortenedOnALine(t *testing.T) {
	event := proto.CloneOf(sampleEvent())
	long := strings.Repeat(`{"a":"b"}`, 1000)
	event.LogRecord.Attributes = []*commonv1.KeyValue{{Key: "tapio.finding.evidence", Value: &commonv1.AnyValue{Value: &commonv1.AnyValue_StringValue{StringValue: long}}}}
	c := newCLI(t, &fakeServer{getLogs: func(*tapiov1.GetLogsRequest) (*tapiov1.GetLogsResponse, error) {
		return &tapiov1.GetLogsResponse{Logs: []*tapiov1.Event{event}}, nil
	}})
	r := c.run(t, "get", "logs", "-o", "compact")
	assert.Less(t, len(r.out), 600)
	assert.Contains(t, r.out, "...(8.8 KiB)")
	assert.Contains(t, c.run(t, "get", "logs", "-o", "json").out, strings.ReplaceAll(long, `"`, `\"`))
}

func TestIDsMayBeShortened(t *testing.T) {
	ids := []string{"4bf92f3577b34da6a3ce929d0e0e4736", "4bf92f3577b34da6a3ce929d0e0e4799", "aaaa2f3577b34da6a3ce929d0e0e4736"}
	var asked string
	c := newCLI(t, &fakeServer{
		getTraces: func(*tapiov1.GetTracesRequest) (*tapiov1.GetTracesResponse, error) {
			response := &tapiov1.GetTracesResponse{}
			for _, id := range ids {
				response.Traces = append(response.Traces, &tapiov1.Trace{TraceId: id})
			}
			return response, nil
		},
		timeline: func(r *tapiov1.GetTraceTimelineRequest) (*tapiov1.GetTraceTimelineResponse, error) {
			asked = r.GetTraceId()
			return sampleTimeline(), nil
		},
		groups: liveIncidents(nil).groups, insights: sampleInsights,
	})
	for text, want := range map[string]string{
		ids[0]:                       ids[0],
		strings.ToUpper(ids[1]):      ids[1],
		"aaaa":                       ids[2],
		"AAAA2f":                     ids[2],
		ids[2] + ":00f067aa0ba902b7": ids[2],
	} {
		require.Equal(t, exitcode.OK, c.run(t, "get", "trace", text).code, text)
		assert.Equal(t, want, asked)
	}
	for text, want := range map[string]string{
		"4bf9": fmt.Sprintf("ambiguous: %s, %s", ids[0], ids[1]),
		"abc":  "too short",
		"cccc": "no trace id among the newest",
	} {
		r := c.run(t, "get", "trace", text)
		assert.NotEqual(t, exitcode.OK, r.code)
		assert.Contains(t, r.errOut, want)
	}
	whole := c.run(t, "explain", "g-1")
	requireSuccess(t, whole)
	for _, args := range [][]string{{"explain"}, {"explain", "latest"}, {"explain", "g-"}} {
		r := c.run(t, args...)
		requireSuccess(t, r)
		assert.Equal(t, whole.out, r.out)
	}
}
