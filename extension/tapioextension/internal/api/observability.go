// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/tapio/tapio/extension/tapioextension/internal/fanout"
	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/protoconv"
	"github.com/tapio/tapio/internal/query"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// observabilityService answers questions about stored telemetry.
type observabilityService struct {
	tapiov1.UnimplementedObservabilityServiceServer
	*Server
}

// GetLogs implements tapiov1.ObservabilityServiceServer.
func (s *observabilityService) GetLogs(ctx context.Context, req *tapiov1.GetLogsRequest) (*tapiov1.GetLogsResponse, error) {
	query, err := protoconv.GetLogsQuery(req, s.Now())
	if err != nil {
		return nil, err
	}
	page, err := s.Store.QueryEvents(ctx, query)
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
	req *tapiov1.StreamLogsRequest, stream tapiov1.ObservabilityService_StreamLogsServer,
) error {
	query, start, err := protoconv.StreamLogsQuery(req, s.Now())
	if err != nil {
		return err
	}
	if start, err = s.resumeStream(req, start); err != nil {
		return err
	}
	send := func(events []model.Event, loss *tapiov1.Loss) error {
		encoded, err := s.encoder.Encode(events)
		if err != nil {
			return err
		}
		rest := &tapiov1.StreamLogsResponse{Loss: loss}
		if n := len(events); n > 0 && req.GetReportPosition() {
			rest.ResumeToken = protoconv.ResumeToken(s.Store.Epoch(), events[n-1].Seq)
		}
		return stream.SendMsg(&fanout.Message{Field: logsOfStream, Events: encoded, Rest: rest})
	}
	ctx, sources := withSources(stream.Context())
	return follow(ctx, s.Server, s.Store.TailRecords(ctx, query, start), following[model.Event]{
		signal: "logs", live: isLive(start), historyOnly: req.GetHistoryOnly(), size: (*model.Event).AnswerSize, send: send,
		sources: sources, positions: req.GetReportPosition(), report: func(r streamReport) error {
			return stream.SendMsg(&tapiov1.StreamLogsResponse{Notes: r.notes, Sources: r.sources, CaughtUp: r.caughtUp, ResumeToken: s.tokenOf(req, r)})
		},
	})
}

// positionedRequest is a request for a stream that may go on after a cut.
type positionedRequest interface {
	GetStart() *tapiov1.StreamStart
	GetResumeToken() string
	GetReportPosition() bool
}

// resumeStream goes on where a resume token says.
func (s *Server) resumeStream(req positionedRequest, start model.Start) (model.Start, error) {
	if req.GetResumeToken() == "" {
		return start, nil
	}
	if req.GetStart() != nil {
		return start, model.InvalidField("start", "excludes resume_token: give either")
	}
	after, err := protoconv.ReadResumeToken(s.Store.Epoch(), req.GetResumeToken(), "resume_token")
	return model.Start{Resume: true, After: after}, err
}

// tokenOf names the place of a report, if the request asks for it.
func (s *Server) tokenOf(req positionedRequest, r streamReport) string {
	if !req.GetReportPosition() {
		return ""
	}
	return protoconv.ResumeToken(s.Store.Epoch(), r.position)
}

// GetTraces implements tapiov1.ObservabilityServiceServer.
func (s *observabilityService) GetTraces(
	ctx context.Context, req *tapiov1.GetTracesRequest,
) (*tapiov1.GetTracesResponse, error) {
	query, err := protoconv.GetTracesQuery(req, s.Now())
	if err != nil {
		return nil, err
	}
	page, err := s.Store.QueryTraces(ctx, query)
	if err != nil {
		return nil, err
	}
	resp := &tapiov1.GetTracesResponse{NextPageToken: protoconv.PageToken(req, page.Next)}
	for i := range page.Rows {
		resp.Traces = append(resp.Traces, protoconv.Trace(&page.Rows[i]))
	}
	return resp, nil
}

// StreamTraces implements tapiov1.ObservabilityServiceServer.
func (s *observabilityService) StreamTraces(
	req *tapiov1.StreamTracesRequest, stream tapiov1.ObservabilityService_StreamTracesServer,
) error {
	query, start, err := protoconv.StreamTracesQuery(req, s.Now())
	if err != nil {
		return err
	}
	if start, err = s.resumeStream(req, start); err != nil {
		return err
	}
	send := func(spans []model.Span, loss *tapiov1.Loss) error {
		resp := &tapiov1.StreamTracesResponse{ResourceSpans: protoconv.ResourceSpans(spans), Loss: loss}
		if n := len(spans); n > 0 {
			resp.LastSequence = spans[n-1].Seq
			if req.GetReportPosition() {
				resp.ResumeToken = protoconv.ResumeToken(s.Store.Epoch(), spans[n-1].Seq)
			}
		}
		return stream.Send(resp)
	}
	ctx, sources := withSources(stream.Context())
	return follow(ctx, s.Server, s.Store.TailSpans(ctx, query, start), following[model.Span]{
		signal: "traces", live: isLive(start), historyOnly: req.GetHistoryOnly(), size: (*model.Span).AnswerSize, send: send,
		sources: sources, positions: req.GetReportPosition(), report: func(r streamReport) error {
			return stream.Send(&tapiov1.StreamTracesResponse{Notes: r.notes, Sources: r.sources, CaughtUp: r.caughtUp, ResumeToken: s.tokenOf(req, r)})
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
	page, err := s.Store.QueryTraces(ctx, model.TraceQuery{TraceIDs: []model.TraceID{id}, Paging: model.Paging{Limit: 1}})
	if err != nil {
		return nil, err
	}
	if len(page.Rows) == 0 {
		return nil, status.Errorf(codes.NotFound, "no span of trace %s is stored: it was evicted or never stored", id)
	}
	logs, err := traceLogs(ctx, s.Store, id, req.GetOmitLogs())
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
		Paging:  model.Paging{Limit: maxTimelineLogs, MaxBytes: messageBytes, Ascending: true},
	})
	return page.Rows, err
}
