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
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// tapioService takes events in and hands them out.
type tapioService struct {
	tapiov1.UnimplementedTapioServiceServer
	*Server
}

// GetEvents implements tapiov1.TapioServiceServer.
func (s *tapioService) GetEvents(ctx context.Context, req *tapiov1.GetEventsRequest) (*tapiov1.GetEventsResponse, error) {
	query, err := protoconv.GetEventsQuery(req, s.Now())
	if err != nil {
		return nil, err
	}
	page, err := s.Store.QueryEvents(ctx, query)
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
	event, found, err := s.Store.EventByID(ctx, req.GetId())
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
	req *tapiov1.SubscribeToEventsRequest, stream tapiov1.TapioService_SubscribeToEventsServer,
) error {
	query, start, err := protoconv.SubscribeQuery(req, s.Now())
	if err != nil {
		return err
	}
	pace, err := newPacer(req, "", s.Now)
	if err != nil {
		return err
	}
	if start, err = s.resume(req.GetResumeToken(), "", start); err != nil {
		return err
	}
	send := pace.slowed(stream.Context(), func(events []model.Event, loss *tapiov1.Loss) error {
		found := s.findingsAmong(events)
		encoded, err := s.encoder.Encode(events)
		if err != nil {
			return err
		}
		return stream.SendMsg(&fanout.Message{Field: eventsOfStream, Events: encoded, Rest: &tapiov1.SubscribeToEventsResponse{
			Loss:         loss,
			Correlations: messages(found, protoconv.Correlation),
			Groups:       messages(found, protoconv.SemanticGroup),
			Insights:     messages(found, protoconv.Insight),
			ResumeToken:  s.resumeToken(events, loss),
		}})
	})
	ctx, sources := withSources(stream.Context())
	return follow(ctx, s.Server, s.Store.TailRecords(ctx, query, start), following[model.Event]{
		signal: "logs", live: pace.bestEffort && isLive(start), historyOnly: req.GetHistoryOnly(), size: (*model.Event).AnswerSize, send: send,
		sources: sources, report: func(r streamReport) error {
			return stream.Send(&tapiov1.SubscribeToEventsResponse{Notes: r.notes, Sources: r.sources})
		},
	})
}
