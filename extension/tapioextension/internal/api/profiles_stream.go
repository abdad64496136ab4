// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/protoconv"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// StreamProfiles implements tapiov1.ObservabilityServiceServer. It reads what is stored
// when it is about to send, so that a reader that is slow delays no one and gets no answers
// that are out of date.
func (s *observabilityService) StreamProfiles(
	req *tapiov1.StreamProfilesRequest, stream tapiov1.ObservabilityService_StreamProfilesServer,
) error {
	query, err := protoconv.StreamProfilesQuery(req, s.now())
	if err != nil {
		return err
	}
	ctx := stream.Context()
	ticker := time.NewTicker(query.Every)
	defer ticker.Stop()
	for {
		response, err := s.profileWindow(ctx, &query)
		if err != nil {
			return err
		}
		if err := stream.Send(response); err != nil {
			return err
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// profileWindow analyzes the window that ends now.
func (s *observabilityService) profileWindow(ctx context.Context, stream *protoconv.ProfileStream) (*tapiov1.StreamProfilesResponse, error) {
	now := s.now()
	start := now.Add(-stream.Window)
	query := stream.Query
	query.Filter.Time = model.TimeRange{Start: model.Nanos(start.UnixNano()), End: model.Nanos(now.UnixNano())}
	tree, err := s.store.MergeProfiles(ctx, query)
	if err != nil {
		return nil, err
	}
	analysis, err := analyzed(tree, nil, 1, &stream.ProfileAnalysis)
	if err != nil {
		return nil, err
	}
	return &tapiov1.StreamProfilesResponse{
		Analysis: analysis, Window: &tapiov1.TimeRange{Start: timestamppb.New(start), End: timestamppb.New(now)},
	}, nil
}
