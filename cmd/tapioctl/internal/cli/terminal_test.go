// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	commonv1 "go.opentelemetry.io/proto/otlp/common/v1"
	tracev1 "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/tapio/tapio/cmd/tapioctl/internal/exitcode"
	"github.com/tapio/tapio/cmd/tapioctl/internal/render"
	"github.com/tapio/tapio/cmd/tapioctl/internal/selector"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// nasty sets a title, clears the screen, colors, reverses the direction of text,
// uses C1 controls and hides characters.
const nasty = "\x1b]0;title\x07\x1b[2J\x1b[31mred\u202egnp.exe\u2066\u009b31m\u200bend\r\x7f"

func nastyEvent() *tapiov1.Event {
	event := proto.CloneOf(sampleEvent())
	record := event.GetLogRecord()
	record.EventName, record.SeverityText, record.SeverityNumber = nasty, nasty, 0
	record.Body = &commonv1.AnyValue{Value: &commonv1.AnyValue_StringValue{StringValue: nasty}}
	record.Attributes = append(record.Attributes, &commonv1.KeyValue{Key: nasty, Value: record.GetBody()})
	event.Resource.Attributes = []*commonv1.KeyValue{{Key: "service.name", Value: record.GetBody()}, {Key: nasty, Value: record.GetBody()}}
	event.Id = nasty
	return event
}

// Whatever the server sends, and in every format: a terminal gets no control
// sequence but the colors of tapioctl.
func TestNothingForeignControlsTheTerminal(t *testing.T) {
	event := nastyEvent()
	span := &tracev1.Span{Name: nasty, Status: &tracev1.Status{Message: nasty, Code: tracev1.Status_STATUS_CODE_ERROR}, TraceId: make([]byte, 16)}
	fake := &fakeServer{
		streamLogs: storedLogs(&tapiov1.StreamLogsRequest{}),
		getLogs: func(*tapiov1.GetLogsRequest) (*tapiov1.GetLogsResponse, error) {
			return &tapiov1.GetLogsResponse{Logs: []*tapiov1.Event{event}}, nil
		},
		eventByID: func(*tapiov1.GetEventByIdRequest) (*tapiov1.GetEventByIdResponse, error) {
			return &tapiov1.GetEventByIdResponse{Event: event}, nil
		},
		timeline: func(*tapiov1.GetTraceTimelineRequest) (*tapiov1.GetTraceTimelineResponse, error) {
			return &tapiov1.GetTraceTimelineResponse{
				Trace: &tapiov1.Trace{TraceId: nasty, RootName: nasty, Services: []string{nasty}},
				Spans: []*tapiov1.GetTraceTimelineResponse_TimelineSpan{{Service: nasty, Span: span}}, Logs: []*tapiov1.Event{event},
			}, nil
		},
		getConfig: func(*tapiov1.GetConfigRequest) (*tapiov1.GetConfigResponse, error) {
			return &tapiov1.GetConfigResponse{
				Config: &tapiov1.CollectorConfig{Content: nasty, ContentType: "text/plain", Etag: nasty},
				Status: &tapiov1.ConfigStatus{EffectiveContent: nasty, Message: nasty, Result: tapiov1.ConfigStatus_RESULT_FAILED},
			}, nil
		},
		groups: func(*tapiov1.GetSemanticGroupsRequest) (*tapiov1.GetSemanticGroupsResponse, error) {
			group := sampleGroup()
			group.Title, group.Services, group.Impact.Summary = nasty, []string{nasty}, nasty
			group.RootCause.CausalFactors[0].Entity = sampleService(nasty)
			group.RootCause.CausalFactors[0].Reason = nasty
			return &tapiov1.GetSemanticGroupsResponse{Groups: []*tapiov1.SemanticGroup{group}}, nil
		},
		insights: func(*tapiov1.GetInsightsRequest) (*tapiov1.GetInsightsResponse, error) {
			return &tapiov1.GetInsightsResponse{Insights: []*tapiov1.Insight{{Id: "i", Title: nasty, Text: nasty, KeyFigures: map[string]string{nasty: nasty}}}}, nil
		},
	}
	commands := [][]string{
		{"get", "trace", strings.Repeat("0", 32)},
		{"config", "get", "a"},
		{"config", "get", "a", "--effective"},
		{"config", "get", "a", "-o", "yaml"},
		{"explain", "g-1"},
		{"get", "groups"},
		{"get", "groups", "-o", "yaml"},
		{"get", "insights"},
		{"get", "insights", "-o", "yaml"},
		{"observe", "incidents"},
		{"observe", "incidents", "-o", "table"},
	}
	for _, format := range selector.NewRecordFormat("").Words {
		commands = append(commands, []string{"get", "logs", "-o", format}, []string{"get", "event", "a", "-o", format})
	}
	for _, args := range commands {
		for _, color := range []string{"never", "always"} {
			c := newCLI(t, fake)
			c.app.Out.Terminal = true
			c.app.Out.ErrOut = render.TerminalWriter{To: c.errOut}
			r := c.run(t, append(args, "--color", color)...)
			require.Equal(t, exitcode.OK, r.code, "%v: %s", args, r.errOut)
			require.NotEmpty(t, r.out)
			for _, shown := range []string{r.out, r.errOut} {
				for _, own := range render.OwnSequences() {
					shown = strings.ReplaceAll(shown, own, "")
				}
				assert.Negative(t, strings.IndexFunc(shown, render.ControlsTerminal), "%v: %q", args, shown)
				assert.True(t, utf8.ValidString(shown))
			}
		}
	}
}

// Colors of a foreign text are not tapioctl's.
func TestForeignTextHasNoColors(t *testing.T) {
	c := newCLI(t, &fakeServer{getConfig: func(*tapiov1.GetConfigRequest) (*tapiov1.GetConfigResponse, error) {
		return &tapiov1.GetConfigResponse{Config: &tapiov1.CollectorConfig{Content: string(render.Red) + "a\tb\nc" + string(render.Reset)}}, nil
	}})
	assert.Contains(t, c.run(t, "config", "get", "a").out, string(render.Red), "a file gets what was set, byte for byte")
	c.app.Out.Terminal = true
	assert.Equal(t, "\\u001b[31ma\tb\nc\\u001b[0m", c.run(t, "config", "get", "a").out)
}
