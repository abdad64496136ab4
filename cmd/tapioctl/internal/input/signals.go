// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package input

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	metricsv1 "go.opentelemetry.io/proto/otlp/metrics/v1"
	tracev1 "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/tapio/tapio/cmd/tapioctl/internal/exitcode"
	"github.com/tapio/tapio/cmd/tapioctl/internal/render"
	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/protoconv"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// SpansOfFile filters spans as a server does, by the same code.
func SpansOfFile(traces *tapiov1.TraceQuery, now time.Time) (FileKind, error) {
	request := &tapiov1.StreamTracesRequest{Query: traces, HistoryOnly: true}
	query, _, err := protoconv.StreamTracesQuery(request, now)
	if err != nil {
		return FileKind{}, exitcode.UsageErrorf("%v", err)
	}
	return FileKind{
		read: readSpans,
		keep: func(b *render.Batch, since model.Nanos) error {
			return keepSpans(b, func(s *model.Span) bool { return s.Start >= since && query.MatchSpan(s) })
		},
		drop: func(b *render.Batch, n int) {
			// A span that was kept once is sound.
			_ = keepSpans(b, func(*model.Span) bool { n--; return n < 0 })
		},
	}, nil
}

func readSpans(line []byte) (render.Batch, error) {
	answer, sole := &tapiov1.StreamTracesResponse{}, &tracev1.ResourceSpans{}
	isSole, err := readSignal(line, "resourceSpans", "scopeSpans", answer, sole)
	if isSole {
		answer.ResourceSpans = []*tracev1.ResourceSpans{sole}
	}
	return render.Batch{Raw: answer, Loss: answer.GetLoss()}, err
}

func keepSpans(b *render.Batch, keep func(*model.Span) bool) error {
	answer := b.Raw.(*tapiov1.StreamTracesResponse)
	b.Rows = 0
	for i, resource := range answer.GetResourceSpans() {
		n, err := protoconv.KeepSpans(resource, keep)
		if err != nil {
			return fmt.Errorf("resource_spans[%d].%w", i, err)
		}
		b.Rows += n
	}
	answer.ResourceSpans = slices.DeleteFunc(answer.GetResourceSpans(), func(r *tracev1.ResourceSpans) bool { return len(r.GetScopeSpans()) == 0 })
	return nil
}

// PointsOfFile filters metric points as a server does, by the same code.
func PointsOfFile(metrics *tapiov1.MetricQuery, now time.Time) (FileKind, error) {
	request := &tapiov1.StreamMetricsRequest{Query: metrics, HistoryOnly: true}
	query, _, err := protoconv.StreamMetricsQuery(request, now)
	if err != nil {
		return FileKind{}, exitcode.UsageErrorf("%v", err)
	}
	return FileKind{
		read: readPoints,
		keep: func(b *render.Batch, since model.Nanos) error {
			return keepPoints(b, func(s *model.Series, at model.Nanos) bool { return at >= since && query.MatchPoint(s, at) })
		},
		drop: func(b *render.Batch, n int) {
			// A point that was kept once is sound.
			_ = keepPoints(b, func(*model.Series, model.Nanos) bool { n--; return n < 0 })
		},
	}, nil
}

func readPoints(line []byte) (render.Batch, error) {
	answer, sole := &tapiov1.StreamMetricsResponse{}, &metricsv1.ResourceMetrics{}
	isSole, err := readSignal(line, "resourceMetrics", "scopeMetrics", answer, sole)
	if isSole {
		answer.ResourceMetrics = []*metricsv1.ResourceMetrics{sole}
	}
	return render.Batch{Raw: answer, Loss: answer.GetLoss()}, err
}

func keepPoints(b *render.Batch, keep func(*model.Series, model.Nanos) bool) error {
	answer := b.Raw.(*tapiov1.StreamMetricsResponse)
	b.Rows = 0
	for i, resource := range answer.GetResourceMetrics() {
		n, err := protoconv.KeepPoints(resource, keep)
		if err != nil {
			return fmt.Errorf("resource_metrics[%d].%w", i, err)
		}
		b.Rows += n
	}
	answer.ResourceMetrics = slices.DeleteFunc(answer.GetResourceMetrics(), func(r *metricsv1.ResourceMetrics) bool { return len(r.GetScopeMetrics()) == 0 })
	return nil
}

// readSignal reads a line of spans or points: one resource, as -o json prints it;
// an answer, as -o jsonpb does; or OTLP, as the collector's file exporter writes
// it. An answer is distinguished from OTLP, whose ids are hex, by what OTLP has not.
func readSignal(line []byte, list, inResource string, answer, sole proto.Message) (isSole bool, err error) {
	var keys map[string]json.RawMessage
	if err := json.Unmarshal(line, &keys); err != nil {
		return false, fmt.Errorf("is not a JSON object: %w", err)
	}
	switch {
	case keys[inResource] != nil:
		return true, protoconv.JSON{}.Unmarshal(line, sole)
	case keys["loss"] != nil || keys["lastSequence"] != nil:
		return false, protojson.UnmarshalOptions{DiscardUnknown: true}.Unmarshal(line, answer)
	case keys[list] != nil:
		return false, protoconv.JSON{}.Unmarshal(line, answer)
	default:
		return false, errors.New("has none of the keys " + inResource + " and " + list +
			": give what tapioctl prints with -o json or -o jsonpb, or OTLP")
	}
}
