// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"time"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/protoconv"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

func aggregated(query *tapiov1.MetricQuery) bool {
	return query.GetAggregation() != tapiov1.MetricQuery_AGGREGATION_TYPE_UNSPECIFIED
}

// GetMetrics implements tapiov1.ObservabilityServiceServer.
func (s *observabilityService) GetMetrics(
	ctx context.Context, req *tapiov1.GetMetricsRequest,
) (*tapiov1.GetMetricsResponse, error) {
	if aggregated(req.GetQuery()) {
		return s.aggregate(ctx, req)
	}
	query, err := protoconv.GetPointsQuery(req, s.Now())
	if err != nil {
		return nil, err
	}
	page, err := s.Store.QueryPoints(ctx, query)
	if err != nil {
		return nil, err
	}
	return &tapiov1.GetMetricsResponse{
		ResourceMetrics: protoconv.ResourceMetrics(page.Rows),
		NextPageToken:   protoconv.PageToken(req, page.Next),
	}, nil
}

func (s *observabilityService) aggregate(
	ctx context.Context, req *tapiov1.GetMetricsRequest,
) (*tapiov1.GetMetricsResponse, error) {
	query, err := protoconv.GetAggregateQuery(req, s.Now())
	if err != nil {
		return nil, err
	}
	series, truncated, err := s.Store.Aggregate(ctx, query)
	if err != nil {
		return nil, err
	}
	return &tapiov1.GetMetricsResponse{
		Series:          protoconv.MetricSeries(series, req.GetQuery().GetGroupBy()),
		TruncatedSeries: uint64(truncated),
	}, nil
}

// StreamMetrics implements tapiov1.ObservabilityServiceServer.
func (s *observabilityService) StreamMetrics(
	req *tapiov1.StreamMetricsRequest, stream tapiov1.ObservabilityService_StreamMetricsServer,
) error {
	if aggregated(req.GetQuery()) {
		return s.streamAggregate(req, stream)
	}
	query, start, err := protoconv.StreamMetricsQuery(req, s.Now())
	if err != nil {
		return err
	}
	if start, err = s.resumeStream(req, start); err != nil {
		return err
	}
	send := func(points []model.Point, loss *tapiov1.Loss) error {
		resp := &tapiov1.StreamMetricsResponse{ResourceMetrics: protoconv.ResourceMetrics(points), Loss: loss}
		if n := len(points); n > 0 {
			resp.LastSequence = points[n-1].Seq
			if req.GetReportPosition() {
				resp.ResumeToken = protoconv.ResumeToken(s.Store.Epoch(), points[n-1].Seq)
			}
		}
		return stream.Send(resp)
	}
	ctx, sources := withSources(stream.Context())
	return follow(ctx, s.Server, s.Store.TailPoints(ctx, query, start), following[model.Point]{
		signal: "metrics", live: isLive(start), historyOnly: req.GetHistoryOnly(), size: (*model.Point).AnswerSize, send: send,
		sources: sources, positions: req.GetReportPosition(), report: func(r streamReport) error {
			return stream.Send(&tapiov1.StreamMetricsResponse{Notes: r.notes, Sources: r.sources, CaughtUp: r.caughtUp, ResumeToken: s.tokenOf(req, r)})
		},
	})
}

// streamAggregate sends the latest window over and over. A window is as wide as
// the query's resolution or, without one, as the time between two answers.
func (s *observabilityService) streamAggregate(
	req *tapiov1.StreamMetricsRequest, stream tapiov1.ObservabilityService_StreamMetricsServer,
) error {
	query, every, err := protoconv.StreamAggregateQuery(req, s.Now())
	if err != nil {
		return err
	}
	width := query.Resolution
	if width == 0 {
		width = every
	}
	query.Resolution = 0 // one window, the latest
	ctx := stream.Context()
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		if err := s.sendWindow(ctx, query, width, req.GetQuery().GetGroupBy(), stream); err != nil {
			return err
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (s *observabilityService) sendWindow(
	ctx context.Context, query model.AggregateQuery, width time.Duration, groupBy []string,
	stream tapiov1.ObservabilityService_StreamMetricsServer,
) error {
	now := s.Now()
	query.Filter.Time = model.TimeRange{
		Start: model.Nanos(now.Add(-width).UnixNano()),
		End:   model.Nanos(now.UnixNano()),
	}
	series, _, err := s.Store.Aggregate(ctx, query)
	if err != nil {
		return err
	}
	return stream.Send(&tapiov1.StreamMetricsResponse{Series: protoconv.MetricSeries(series, groupBy)})
}
