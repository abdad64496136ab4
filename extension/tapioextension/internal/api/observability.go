// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/tapio/tapio/extension/tapioextension/internal/fanout"
	"github.com/tapio/tapio/extension/tapioextension/internal/ingest"
	"github.com/tapio/tapio/extension/tapioextension/internal/stream"
	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/protoconv"
	"github.com/tapio/tapio/internal/query"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// observabilityService answers questions about stored telemetry.
type observabilityService struct {
	tapiov1.UnimplementedObservabilityServiceServer
	store    query.Reader
	symbols  SymbolStore // nil: the server keeps no profiles
	uploads  *ingest.Profiles
	profiles *profileAnalyzer
	streams  *streams
	audit    *auditor
	now      func() time.Time
}

// GetLogs implements tapiov1.ObservabilityServiceServer.
func (s *observabilityService) GetLogs(ctx context.Context, req *tapiov1.GetLogsRequest) (*tapiov1.GetLogsResponse, error) {
	query, err := protoconv.GetLogsQuery(req, s.now())
	if err != nil {
		return nil, err
	}
	page, err := s.store.QueryEvents(ctx, query)
	if err != nil {
		return nil, err
	}
	return &tapiov1.GetLogsResponse{Logs: protoconv.Events(page.Rows), NextPageToken: protoconv.PageToken(req, page.Next)}, nil
}

// The fields of records in the messages of streams.
const (
	logsOfStream     = 1 // StreamLogsResponse.logs
	eventsOfStream   = 1 // SubscribeToEventsResponse.events
	deliveryOfStream = 2 // StreamEventsResponse.delivery
	eventsOfDelivery = 2 // EventDelivery.events
)

// StreamLogs implements tapiov1.ObservabilityServiceServer.
func (s *observabilityService) StreamLogs(
	req *tapiov1.StreamLogsRequest, out tapiov1.ObservabilityService_StreamLogsServer,
) error {
	query, start, err := protoconv.StreamLogsQuery(req, s.now())
	if err != nil {
		return err
	}
	if start, err = stream.ResumePositioned(s.store.Epoch(), req, start); err != nil {
		return err
	}
	send := func(events []model.Event, loss *tapiov1.Loss) error {
		encoded, err := s.streams.encoder.Encode(events)
		if err != nil {
			return err
		}
		rest := &tapiov1.StreamLogsResponse{Loss: loss}
		if n := len(events); n > 0 && req.GetReportPosition() {
			rest.ResumeToken = protoconv.ResumeToken(s.store.Epoch(), events[n-1].Seq)
		}
		return out.SendMsg(&fanout.Message{Field: logsOfStream, Events: encoded, Rest: rest})
	}
	ctx, sources := stream.WithSources(out.Context())
	return stream.Follow(ctx, s.streams.readers, s.store.TailRecords(ctx, query, start), stream.Following[model.Event]{
		Signal: "logs", Live: stream.IsLive(start), HistoryOnly: req.GetHistoryOnly(), Size: (*model.Event).AnswerSize, Send: send,
		Sources: sources, Positions: req.GetReportPosition(), Report: func(r stream.Report) error {
			return out.SendMsg(&tapiov1.StreamLogsResponse{Notes: r.Notes, Sources: r.Sources, CaughtUp: r.CaughtUp, ResumeToken: stream.TokenOf(s.store.Epoch(), req, r)})
		},
	})
}

// GetTraces implements tapiov1.ObservabilityServiceServer.
func (s *observabilityService) GetTraces(
	ctx context.Context, req *tapiov1.GetTracesRequest,
) (*tapiov1.GetTracesResponse, error) {
	query, err := protoconv.GetTracesQuery(req, s.now())
	if err != nil {
		return nil, err
	}
	page, err := s.store.QueryTraces(ctx, query)
	if err != nil {
		return nil, err
	}
	resp := &tapiov1.GetTracesResponse{NextPageToken: protoconv.PageToken(req, page.Next)}
	message := protoconv.Trace
	if req.GetSummariesOnly() {
		message = protoconv.TraceSummary
	}
	for i := range page.Rows {
		resp.Traces = append(resp.Traces, message(&page.Rows[i]))
	}
	return resp, nil
}

// StreamTraces implements tapiov1.ObservabilityServiceServer.
func (s *observabilityService) StreamTraces(
	req *tapiov1.StreamTracesRequest, out tapiov1.ObservabilityService_StreamTracesServer,
) error {
	query, start, err := protoconv.StreamTracesQuery(req, s.now())
	if err != nil {
		return err
	}
	if start, err = stream.ResumePositioned(s.store.Epoch(), req, start); err != nil {
		return err
	}
	send := func(spans []model.Span, loss *tapiov1.Loss) error {
		resp := &tapiov1.StreamTracesResponse{ResourceSpans: protoconv.ResourceSpans(spans), Loss: loss}
		if n := len(spans); n > 0 {
			resp.LastSequence = spans[n-1].Seq
			if req.GetReportPosition() {
				resp.ResumeToken = protoconv.ResumeToken(s.store.Epoch(), spans[n-1].Seq)
			}
		}
		return out.Send(resp)
	}
	ctx, sources := stream.WithSources(out.Context())
	return stream.Follow(ctx, s.streams.readers, s.store.TailSpans(ctx, query, start), stream.Following[model.Span]{
		Signal: "traces", Live: stream.IsLive(start), HistoryOnly: req.GetHistoryOnly(), Size: (*model.Span).AnswerSize, Send: send,
		Sources: sources, Positions: req.GetReportPosition(), Report: func(r stream.Report) error {
			return out.Send(&tapiov1.StreamTracesResponse{Notes: r.Notes, Sources: r.Sources, CaughtUp: r.CaughtUp, ResumeToken: stream.TokenOf(s.store.Epoch(), req, r)})
		},
	})
}

// maxTimelineLogs is the most log records of a timeline.
const maxTimelineLogs = 1000

// GetTraceTimeline implements tapiov1.ObservabilityServiceServer.
func (s *observabilityService) GetTraceTimeline(
	ctx context.Context, req *tapiov1.GetTraceTimelineRequest,
) (*tapiov1.GetTraceTimelineResponse, error) {
	id, err := model.ParseTraceID(req.GetTraceId())
	if err != nil {
		return nil, model.InvalidField("trace_id", "%v, is %q", err, req.GetTraceId())
	}
	page, err := s.store.QueryTraces(ctx, model.TraceQuery{TraceIDs: []model.TraceID{id}, Paging: model.Paging{Limit: 1}})
	if err != nil {
		return nil, err
	}
	if len(page.Rows) == 0 {
		return nil, status.Errorf(codes.NotFound, "no span of trace %s is stored: it was evicted or never stored", id)
	}
	logs, err := traceLogs(ctx, s.store, id, req.GetOmitLogs())
	if err != nil {
		return nil, err
	}
	return protoconv.Timeline(&page.Rows[0], logs), nil
}

func traceLogs(ctx context.Context, from query.EventReader, id model.TraceID, omit bool) ([]model.Event, error) {
	if omit {
		return nil, nil
	}
	page, err := from.QueryEvents(ctx, model.EventQuery{
		TraceID: id,
		Paging:  model.Paging{Limit: maxTimelineLogs, MaxBytes: stream.MessageBytes, Ascending: true},
	})
	return page.Rows, err
}
