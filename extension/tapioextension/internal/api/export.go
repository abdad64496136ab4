// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"bytes"
	"context"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/tapio/tapio/extension/tapioextension/internal/stream"
	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/protoconv"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

const (
	// exportPagePoints is how many points are encoded at once.
	exportPagePoints = 2000
	// maxOpenMetricsPoints bounds an OpenMetrics export, which has to hold all
	// points at once because the format keeps the lines of a metric together.
	maxOpenMetricsPoints = 200_000
)

// ExportMetrics implements tapiov1.ObservabilityServiceServer.
func (s *observabilityService) ExportMetrics(
	req *tapiov1.ExportMetricsRequest, stream tapiov1.ObservabilityService_ExportMetricsServer,
) error {
	out := &export{format: req.GetFormat(), stream: stream, contentType: protoconv.ContentType(req.GetFormat())}
	if err := s.exportAll(stream.Context(), req, out); err != nil {
		return err
	}
	return out.finish()
}

func (s *observabilityService) exportAll(ctx context.Context, req *tapiov1.ExportMetricsRequest, out *export) error {
	if aggregated(req.GetQuery()) {
		return s.exportAggregate(ctx, req, out)
	}
	query, err := protoconv.ExportPointsQuery(req, s.now())
	if err != nil {
		return err
	}
	left := int(req.GetQuery().GetFilter().GetLimit()) // 0: all
	for {
		query.Paging.Limit = exportPagePoints
		if left > 0 {
			query.Paging.Limit = min(left, exportPagePoints)
		}
		page, err := s.store.QueryPoints(ctx, query)
		if err != nil {
			return err
		}
		if err := out.write(page.Rows); err != nil {
			return err
		}
		if left -= len(page.Rows); page.Next.IsZero() || left == 0 {
			return nil
		}
		query.Paging.After = page.Next
	}
}

func (s *observabilityService) exportAggregate(ctx context.Context, req *tapiov1.ExportMetricsRequest, out *export) error {
	query, err := protoconv.ExportAggregateQuery(req, s.now())
	if err != nil {
		return err
	}
	series, _, err := s.store.Aggregate(ctx, query)
	if err != nil {
		return err
	}
	points := protoconv.AggregateGauges(series, req.GetQuery().GetGroupBy())
	for len(points) > 0 {
		n := min(len(points), exportPagePoints)
		if err := out.write(points[:n]); err != nil {
			return err
		}
		points = points[n:]
	}
	return nil
}

// export sends encoded points in chunks.
type export struct {
	format      tapiov1.ExportMetricsRequest_Format
	stream      tapiov1.ObservabilityService_ExportMetricsServer
	contentType string // until it is sent
	started     bool
	held        []model.Point // OpenMetrics only
}

func (e *export) write(points []model.Point) error {
	if e.format == tapiov1.ExportMetricsRequest_FORMAT_OPENMETRICS {
		return e.hold(points)
	}
	for len(points) > 0 {
		n, _ := stream.PieceLength(points, (*model.Point).AnswerSize, stream.MessageBytes)
		data, err := protoconv.EncodePoints(e.format, points[:n])
		if err != nil {
			return err
		}
		if err := e.send(data, n); err != nil {
			return err
		}
		points = points[n:]
	}
	return nil
}

func (e *export) hold(points []model.Point) error {
	if len(e.held)+len(points) > maxOpenMetricsPoints {
		return status.Errorf(codes.ResourceExhausted, "an OpenMetrics export holds at most %d points: "+
			"narrow query.filter.time_range or query.metric_names, set query.filter.limit, or use another format", maxOpenMetricsPoints)
	}
	e.held = append(e.held, points...)
	return nil
}

// finish sends what the format has at its end, and the content type of an empty
// export.
func (e *export) finish() error {
	if e.format != tapiov1.ExportMetricsRequest_FORMAT_OPENMETRICS {
		if e.contentType == "" {
			return nil
		}
		return e.send(nil, 0)
	}
	text, err := protoconv.EncodeOpenMetrics(e.held)
	if err != nil {
		return err
	}
	text = append(text, protoconv.OpenMetricsEnd...)
	points := len(e.held)
	for len(text) > 0 {
		n := lineBreak(text)
		if err := e.send(text[:n], points); err != nil {
			return err
		}
		text, points = text[n:], 0 // all counted in the first chunk
	}
	return nil
}

// lineBreak is the length of the first piece of whole lines near stream.MessageBytes.
func lineBreak(text []byte) int {
	if len(text) <= stream.MessageBytes {
		return len(text)
	}
	if n := bytes.LastIndexByte(text[:stream.MessageBytes], '\n'); n >= 0 {
		return n + 1
	}
	return len(text)
}

func (e *export) send(data []byte, points int) error {
	if !e.started && e.format == tapiov1.ExportMetricsRequest_FORMAT_CSV {
		data = append([]byte(protoconv.CSVHeader), data...)
	}
	resp := &tapiov1.ExportMetricsResponse{Data: data, ContentType: e.contentType, PointCount: uint64(points)}
	e.contentType, e.started = "", true
	return e.stream.Send(resp)
}
