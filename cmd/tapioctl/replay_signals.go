// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	metricsv1 "go.opentelemetry.io/proto/otlp/metrics/v1"
	tracev1 "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/protoconv"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// spansOfFile filters spans as a server does, by the same code.
func (a *app) spansOfFile(f *observeSpansFlags) (fileKind, error) {
	filter, err := f.filterUntil(&f.filterFlags, a)
	if err != nil {
		return fileKind{}, err
	}
	request := &tapiov1.StreamTracesRequest{Query: f.query(filter, f.traceIDs), HistoryOnly: true}
	query, _, err := protoconv.StreamTracesQuery(request, a.now())
	if err != nil {
		return fileKind{}, usageErrorf("%v", err)
	}
	return fileKind{
		read: readSpans,
		keep: func(b *batch, since model.Nanos) error {
			return keepSpans(b, func(s *model.Span) bool { return s.Start >= since && query.MatchSpan(s) })
		},
		drop: func(b *batch, n int) {
			// A span that was kept once is sound.
			_ = keepSpans(b, func(*model.Span) bool { n--; return n < 0 })
		},
	}, nil
}

func readSpans(line []byte) (batch, error) {
	answer, sole := &tapiov1.StreamTracesResponse{}, &tracev1.ResourceSpans{}
	isSole, err := readSignal(line, "resourceSpans", "scopeSpans", answer, sole)
	if isSole {
		answer.ResourceSpans = []*tracev1.ResourceSpans{sole}
	}
	return batch{raw: answer, loss: answer.GetLoss()}, err
}

func keepSpans(b *batch, keep func(*model.Span) bool) error {
	answer := b.raw.(*tapiov1.StreamTracesResponse)
	b.rows = 0
	for i, resource := range answer.GetResourceSpans() {
		n, err := protoconv.KeepSpans(resource, keep)
		if err != nil {
			return fmt.Errorf("resource_spans[%d].%w", i, err)
		}
		b.rows += n
	}
	answer.ResourceSpans = slices.DeleteFunc(answer.GetResourceSpans(), func(r *tracev1.ResourceSpans) bool { return len(r.GetScopeSpans()) == 0 })
	return nil
}

// pointsOfFile filters metric points as a server does, by the same code.
func (a *app) pointsOfFile(f *observeMetricsFlags) (fileKind, error) {
	filter, err := f.filterUntil(&f.filterFlags, a)
	if err != nil {
		return fileKind{}, err
	}
	request := &tapiov1.StreamMetricsRequest{Query: &tapiov1.MetricQuery{MetricNames: f.names, Filter: filter}, HistoryOnly: true}
	query, _, err := protoconv.StreamMetricsQuery(request, a.now())
	if err != nil {
		return fileKind{}, usageErrorf("%v", err)
	}
	return fileKind{
		read: readPoints,
		keep: func(b *batch, since model.Nanos) error {
			return keepPoints(b, func(s *model.Series, at model.Nanos) bool { return at >= since && query.MatchPoint(s, at) })
		},
		drop: func(b *batch, n int) {
			// A point that was kept once is sound.
			_ = keepPoints(b, func(*model.Series, model.Nanos) bool { n--; return n < 0 })
		},
	}, nil
}

func readPoints(line []byte) (batch, error) {
	answer, sole := &tapiov1.StreamMetricsResponse{}, &metricsv1.ResourceMetrics{}
	isSole, err := readSignal(line, "resourceMetrics", "scopeMetrics", answer, sole)
	if isSole {
		answer.ResourceMetrics = []*metricsv1.ResourceMetrics{sole}
	}
	return batch{raw: answer, loss: answer.GetLoss()}, err
}

func keepPoints(b *batch, keep func(*model.Series, model.Nanos) bool) error {
	answer := b.raw.(*tapiov1.StreamMetricsResponse)
	b.rows = 0
	for i, resource := range answer.GetResourceMetrics() {
		n, err := protoconv.KeepPoints(resource, keep)
		if err != nil {
			return fmt.Errorf("resource_metrics[%d].%w", i, err)
		}
		b.rows += n
	}
	answer.ResourceMetrics = slices.DeleteFunc(answer.GetResourceMetrics(), func(r *metricsv1.ResourceMetrics) bool { return len(r.GetScopeMetrics()) == 0 })
	return nil
}

// readSignal reads a line of spans or points: one resource, as -o json prints it;
// an answer, as -o jsonpb does; or OTLP, as the collector's file exporter writes
// it. An answer tells itself from OTLP, whose ids are hex, by what OTLP has not.
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
