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

// tapioService takes events in and hands them out.
type tapioService struct {
	tapiov1.UnimplementedTapioServiceServer
	store    query.Reader
	events   *ingest.Events
	streams  *streams
	findings *findings
	analyzer *analyzer
	info     *info
	now      func() time.Time
}

// GetEvents implements tapiov1.TapioServiceServer.
func (s *tapioService) GetEvents(ctx context.Context, req *tapiov1.GetEventsRequest) (*tapiov1.GetEventsResponse, error) {
	query, err := protoconv.GetEventsQuery(req, s.now())
	if err != nil {
		return nil, err
	}
	page, err := s.store.QueryEvents(ctx, query)
	if err != nil {
		return nil, err
	}
	return &tapiov1.GetEventsResponse{Events: protoconv.Events(page.Rows), NextPageToken: protoconv.PageToken(req, page.Next)}, nil
}

// maxEventIDBytes is the longest event id.
const maxEventIDBytes = 128

// GetEventById implements tapiov1.TapioServiceServer; the name is the
// contract's.
func (s *tapioService) GetEventById( //nolint:revive // the contract's name
	ctx context.Context, req *tapiov1.GetEventByIdRequest,
) (*tapiov1.GetEventByIdResponse, error) {
	if n := len(req.GetId()); n == 0 || n > maxEventIDBytes {
		return nil, model.InvalidField("id", "must have 1 to %d characters, has %d", maxEventIDBytes, n)
	}
	event, found, err := s.store.EventByID(ctx, req.GetId())
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, status.Errorf(codes.NotFound, "no event %q is stored: it was evicted or never stored", req.GetId())
	}
	return &tapiov1.GetEventByIdResponse{Event: protoconv.Event(&event)}, nil
}

// SubscribeToEvents implements tapiov1.TapioServiceServer.
func (s *tapioService) SubscribeToEvents(
	req *tapiov1.SubscribeToEventsRequest, out tapiov1.TapioService_SubscribeToEventsServer,
) error {
	query, start, err := protoconv.SubscribeQuery(req, s.now())
	if err != nil {
		return err
	}
	pace, err := stream.NewPacer(req, "", s.now)
	if err != nil {
		return err
	}
	if start, err = stream.Resume(s.store.Epoch(), req.GetResumeToken(), "", start); err != nil {
		return err
	}
	send := pace.Slowed(out.Context(), func(events []model.Event, loss *tapiov1.Loss) error {
		found := s.findings.among(events)
		encoded, err := s.streams.encoder.Encode(events)
		if err != nil {
			return err
		}
		return out.SendMsg(&fanout.Message{Field: eventsOfStream, Events: encoded, Rest: &tapiov1.SubscribeToEventsResponse{
			Loss:         loss,
			Correlations: messages(found, protoconv.Correlation),
			Groups:       messages(found, protoconv.SemanticGroup),
			Insights:     messages(found, protoconv.Insight),
			ResumeToken:  stream.ResumeToken(s.store.Epoch(), events, loss),
		}})
	})
	ctx, sources := stream.WithSources(out.Context())
	return stream.Follow(ctx, s.streams.readers, s.store.TailRecords(ctx, query, start), stream.Following[model.Event]{
		Signal: "logs", Live: pace.BestEffort && stream.IsLive(start), HistoryOnly: req.GetHistoryOnly(), Size: (*model.Event).AnswerSize, Send: send,
		Sources: sources, Report: func(r stream.Report) error {
			return out.Send(&tapiov1.SubscribeToEventsResponse{Notes: r.Notes, Sources: r.Sources})
		},
	})
}
