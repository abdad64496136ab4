// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"encoding/hex"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	commonv1 "go.opentelemetry.io/proto/otlp/common/v1"
	tracev1 "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/tapio/tapio/cmd/tapioctl/internal/exitcode"
	"github.com/tapio/tapio/cmd/tapioctl/internal/render"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// sampleSpans is a failed call of a client and a server span without an end.
func sampleSpans() *tapiov1.StreamTracesResponse {
	id, _ := hex.DecodeString(sampleTrace)
	failed := &tracev1.Span{
		TraceId: id, SpanId: id[:8], Name: "GET /cart\x1b[2J", Kind: tracev1.Span_SPAN_KIND_CLIENT,
		StartTimeUnixNano: nanosBefore(time.Minute), EndTimeUnixNano: nanosBefore(time.Minute - 1500*time.Millisecond),
		Status:     &tracev1.Status{Code: tracev1.Status_STATUS_CODE_ERROR, Message: "connection refused"},
		Attributes: []*commonv1.KeyValue{pair("http.response.status_code", integer(502))},
	}
	open := &tracev1.Span{TraceId: id, SpanId: id[8:], Name: "GET /", Kind: tracev1.Span_SPAN_KIND_SERVER, StartTimeUnixNano: nanosBefore(time.Minute)}
	return &tapiov1.StreamTracesResponse{
		ResourceSpans: []*tracev1.ResourceSpans{{
			Resource:   resourceOf("web"),
			ScopeSpans: []*tracev1.ScopeSpans{{Spans: []*tracev1.Span{failed, open}}},
		}},
		Loss: sampleLoss(), LastSequence: 7,
	}
}

func TestObserveSpans(t *testing.T) {
	for _, format := range []string{"compact", "table", "dict", "json", "yaml"} {
		t.Run(format, func(t *testing.T) {
			var asked tapiov1.StreamTracesRequest
			c := newCLI(t, &fakeServer{streamSpans: func(r *tapiov1.StreamTracesRequest) *tapiov1.StreamTracesResponse {
				proto.Merge(&asked, r)
				return sampleSpans()
			}})
			r := c.run(t, "observe", "spans", "--service", "web", "--operation", "GET *", "--error", "--min-duration", "1s",
				"--last", "5", "-o", format)
			assert.Equal(t, exitcode.OK, r.code)
			assert.Equal(t, lossLine, r.errOut)
			requireGolden(t, "observe_spans_"+format+".golden", r.out)
			assert.JSONEq(t, `{"query":{"filter":{"services":["web"]},"operations":["GET *"],"minDuration":"1s","statusCodes":[2]},
				"start":{"last":5},"historyOnly":true}`, string(render.AppendJSON(nil, &asked)))
		})
	}
}

func TestObserveMetrics(t *testing.T) {
	for _, format := range []string{"compact", "table", "dict", "json", "yaml"} {
		t.Run(format, func(t *testing.T) {
			var asked tapiov1.StreamMetricsRequest
			c := newCLI(t, &fakeServer{streamPoints: func(r *tapiov1.StreamMetricsRequest) *tapiov1.StreamMetricsResponse {
				proto.Merge(&asked, r)
				return &tapiov1.StreamMetricsResponse{ResourceMetrics: samplePoints(7, 8), LastSequence: 2}
			}})
			r := c.run(t, "observe", "metrics", "--name", "http.*", "-o", format)
			requireSuccess(t, r)
			requireGolden(t, "observe_metrics_"+format+".golden", r.out)
			assert.JSONEq(t, `{"query":{"metricNames":["http.*"],"filter":{}},"start":{"last":20},"historyOnly":true}`,
				string(render.AppendJSON(nil, &asked)))
		})
	}
}
