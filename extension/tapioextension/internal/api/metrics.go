// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"time"

	"github.com/tapio/tapio/extension/tapioextension/internal/stream"
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
	query, err := protoconv.GetPointsQuery(req, s.now())
	if err != nil {
		return nil, err
	}
	page, err := s.store.QueryPoints(ctx, query)
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
	query, err := protoconv.GetAggregateQuery(req, s.now())
	if err != nil {
		return nil, err
	}
	series, truncated, err := s.store.Aggregate(ctx, query)
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
	req *tapiov1.StreamMetricsRequest, out tapiov1.ObservabilityService_StreamMetricsServer,
) error {
	if aggregated(req.GetQuery()) {
		return s.streamAggregate(req, out)
	}
	query, start, err := protoconv.StreamMetricsQuery(req, s.now())
	if err != nil {
		return err
	}
	if start, err = stream.ResumePositioned(s.store.Epoch(), req, start); err != nil {
		return err
	}
	send := func(points []model.Point, loss *tapiov1.Loss) error {
		resp := &tapiov1.StreamMetricsResponse{ResourceMetrics: protoconv.ResourceMetrics(points), Loss: loss}
		if n := len(points); n > 0 {
			resp.LastSequence = points[n-1].Seq
			if req.GetReportPosition() {
				resp.ResumeToken = protoconv.ResumeToken(s.store.Epoch(), points[n-1].Seq)
			}
		}
		return out.Send(resp)
	}
	ctx, sources := stream.WithSources(out.Context())
	return stream.Follow(ctx, s.streams.readers, s.store.TailPoints(ctx, query, start), stream.Following[model.Point]{
		Signal: "metrics", Live: stream.IsLive(start), HistoryOnly: req.GetHistoryOnly(), Size: (*model.Point).AnswerSize, Send: send,
		Sources: sources, Positions: req.GetReportPosition(), Report: func(r stream.Report) error {
			return out.Send(&tapiov1.StreamMetricsResponse{Notes: r.Notes, Sources: r.Sources, CaughtUp: r.CaughtUp, ResumeToken: stream.TokenOf(s.store.Epoch(), req, r)})
		},
	})
}

// streamAggregate sends the latest window over and over. A window is as wide as
// the query's resolution or, without one, as the time between two answers.
func (s *observabilityService) streamAggregate(
	req *tapiov1.StreamMetricsRequest, out tapiov1.ObservabilityService_StreamMetricsServer,
) error {
	query, every, err := protoconv.StreamAggregateQuery(req, s.now())
	if err != nil {
		return err
	}
	width := query.Resolution
	if width == 0 {
		width = every
	}
	query.Resolution = 0 // one window, the latest
	ctx := out.Context()
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		if err := s.sendWindow(ctx, query, width, req.GetQuery().GetGroupBy(), out); err != nil {
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
	out tapiov1.ObservabilityService_StreamMetricsServer,
) error {
	now := s.now()
	query.Filter.Time = model.TimeRange{
		Start: model.Nanos(now.Add(-width).UnixNano()),
		End:   model.Nanos(now.UnixNano()),
	}
	series, _, err := s.store.Aggregate(ctx, query)
	if err != nil {
		return err
	}
	return out.Send(&tapiov1.StreamMetricsResponse{Series: protoconv.MetricSeries(series, groupBy)})
}
