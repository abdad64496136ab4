// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/tapio/tapio/internal/tapio"
	"github.com/tapio/tapio/internal/wire"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// observabilityService answers questions about stored telemetry.
type observabilityService struct {
	tapiov1.UnimplementedObservabilityServiceServer
	*Server
}

// GetLogs implements tapiov1.ObservabilityServiceServer.
func (s *observabilityService) GetLogs(ctx context.Context, req *tapiov1.GetLogsRequest) (*tapiov1.GetLogsResponse, error) {
	query, err := wire.GetLogsQuery(req, s.Now())
	if err != nil {
		return nil, err
	}
	page, err := s.Store.QueryEvents(ctx, query)
	if err != nil {
		return nil, err
	}
	return &tapiov1.GetLogsResponse{Logs: wire.Events(page.Rows), NextPageToken: wire.PageToken(req, page.Next)}, nil
}

// StreamLogs implements tapiov1.ObservabilityServiceServer.
func (s *observabilityService) StreamLogs(
	req *tapiov1.StreamLogsRequest, stream tapiov1.ObservabilityService_StreamLogsServer,
) error {
	query, start, err := wire.StreamLogsQuery(req, s.Now())
	if err != nil {
		return err
	}
	send := func(events []tapio.Event, loss *tapiov1.Loss) error {
		return stream.Send(&tapiov1.StreamLogsResponse{Logs: wire.Events(events), Loss: loss})
	}
	return follow(stream.Context(), s.Store.TailEvents(query, start), req.GetHistoryOnly(), (*tapio.Event).AnswerSize, send)
}

// GetTraces implements tapiov1.ObservabilityServiceServer.
func (s *observabilityService) GetTraces(
	ctx context.Context, req *tapiov1.GetTracesRequest,
) (*tapiov1.GetTracesResponse, error) {
	query, err := wire.GetTracesQuery(req, s.Now())
	if err != nil {
		return nil, err
	}
	page, err := s.Store.QueryTraces(ctx, query)
	if err != nil {
		return nil, err
	}
	resp := &tapiov1.GetTracesResponse{NextPageToken: wire.PageToken(req, page.Next)}
	for i := range page.Rows {
		resp.Traces = append(resp.Traces, wire.Trace(&page.Rows[i]))
	}
	return resp, nil
}

// StreamTraces implements tapiov1.ObservabilityServiceServer.
func (s *observabilityService) StreamTraces(
	req *tapiov1.StreamTracesRequest, stream tapiov1.ObservabilityService_StreamTracesServer,
) error {
	query, start, err := wire.StreamTracesQuery(req, s.Now())
	if err != nil {
		return err
	}
	send := func(spans []tapio.Span, loss *tapiov1.Loss) error {
		resp := &tapiov1.StreamTracesResponse{ResourceSpans: wire.ResourceSpans(spans), Loss: loss}
		if n := len(spans); n > 0 {
			resp.LastSequence = spans[n-1].Seq
		}
		return stream.Send(resp)
	}
	return follow(stream.Context(), s.Store.TailSpans(query, start), req.GetHistoryOnly(), (*tapio.Span).AnswerSize, send)
}

// maxTimelineLogs is the most log records of a timeline.
const maxTimelineLogs = 1000

// GetTraceTimeline implements tapiov1.ObservabilityServiceServer.
func (s *observabilityService) GetTraceTimeline(
	ctx context.Context, req *tapiov1.GetTraceTimelineRequest,
) (*tapiov1.GetTraceTimelineResponse, error) {
	id, err := tapio.ParseTraceID(req.GetTraceId())
	if err != nil {
		return nil, tapio.InvalidField("trace_id", "%v, is %q", err, req.GetTraceId())
	}
	page, err := s.Store.QueryTraces(ctx, tapio.TraceQuery{TraceIDs: []tapio.TraceID{id}, Paging: tapio.Paging{Limit: 1}})
	if err != nil {
		return nil, err
	}
	if len(page.Rows) == 0 {
		return nil, status.Errorf(codes.NotFound, "no span of trace %s is stored: it was evicted or never stored", id)
	}
	logs, err := s.traceLogs(ctx, id, req.GetOmitLogs())
	if err != nil {
		return nil, err
	}
	return wire.Timeline(&page.Rows[0], logs), nil
}

func (s *observabilityService) traceLogs(ctx context.Context, id tapio.TraceID, omit bool) ([]tapio.Event, error) {
	if omit {
		return nil, nil
	}
	page, err := s.Store.QueryEvents(ctx, tapio.EventQuery{
		TraceID: id,
		Paging:  tapio.Paging{Limit: maxTimelineLogs, MaxBytes: messageBytes, Ascending: true},
	})
	return page.Rows, err
}
