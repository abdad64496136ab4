// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"errors"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/tapio/tapio/internal/archive"
	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/protoconv"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// ArchiveAccess is how the API reads an archive.
type ArchiveAccess struct {
	Restorer *archive.Restorer
	// Sink is what a restore stores to; nil: this server archives what it stores, and would
	// archive again what it restores.
	Sink archive.Sink
	// Restoring holds one for each restore that runs: more than it has room for are refused.
	Restoring chan struct{}
}

func errNoArchive() error {
	return status.Error(codes.FailedPrecondition, "no archive is configured: set archive::bucket of the tapio extension")
}

// ListArchive implements tapiov1.OperationsServiceServer.
func (s *operationsService) ListArchive(ctx context.Context, req *tapiov1.ListArchiveRequest) (*tapiov1.ListArchiveResponse, error) {
	if s.archive == nil {
		return nil, errNoArchive()
	}
	selection, err := archiveSelection(req.GetSelection(), s.now())
	if err != nil {
		return nil, err
	}
	entries, err := s.archive.Restorer.List(ctx, selection)
	if err != nil {
		return nil, archiveFailure(ctx, err)
	}
	resp := &tapiov1.ListArchiveResponse{}
	for i := range entries {
		e := &entries[i]
		resp.Entries = append(resp.Entries, &tapiov1.ArchiveEntry{
			Signal: e.Signal, Service: e.Service, Hour: timestamppb.New(e.Hour), ObjectCount: uint64(e.Objects),
			RecordCount: e.Records, SizeBytes: uint64(max(e.Bytes, 0)),
		})
	}
	return resp, nil
}

// RestoreArchive implements tapiov1.OperationsServiceServer.
func (s *operationsService) RestoreArchive(req *tapiov1.RestoreArchiveRequest, stream tapiov1.OperationsService_RestoreArchiveServer) error {
	access := s.archive
	switch {
	case access == nil:
		return errNoArchive()
	case access.Sink == nil:
		return status.Error(codes.FailedPrecondition, "this server archives what it stores, so that restored records would be archived again: "+
			"restore on a server with archive::upload: false")
	}
	selection, err := archiveSelection(req.GetSelection(), s.now())
	if err != nil {
		return err
	}
	if len(selection.Signals) == 0 && len(selection.Services) == 0 && selection.Times == (model.TimeRange{}) {
		return model.InvalidField("selection", "must not be empty: set signals, services or time_range, so that not the whole archive is restored by mistake")
	}
	select {
	case access.Restoring <- struct{}{}:
		defer func() { <-access.Restoring }()
	default:
		return status.Error(codes.ResourceExhausted, "another restore is running: wait until it ends")
	}
	progress, err := access.Restorer.Restore(stream.Context(), selection, access.Sink, func(p *archive.Progress) error {
		return stream.Send(restoreProgress(p))
	})
	if err != nil {
		return archiveFailure(stream.Context(), err)
	}
	return stream.Send(restoreProgress(progress))
}

func restoreProgress(p *archive.Progress) *tapiov1.RestoreArchiveResponse {
	message := &tapiov1.RestoreArchiveResponse{
		RecordCounts: p.Records, RefusedCount: p.Refused, ObjectCount: p.Objects, TotalObjectCount: p.TotalObjects,
		MissingObjectCount: p.Missing, DamagedBlockCount: p.Damaged, ReadBytes: p.Bytes,
	}
	if !p.Hour.IsZero() {
		message.Hour = timestamppb.New(p.Hour)
	}
	return message
}

func archiveSelection(from *tapiov1.ArchiveSelection, now time.Time) (archive.Selection, error) {
	selection := archive.Selection{Signals: from.GetSignals(), Services: from.GetServices()}
	if err := archive.CheckSignals(selection.Signals); err != nil {
		return selection, model.InvalidField("selection.signals", "%v", err)
	}
	times, err := protoconv.TimeRange("selection.time_range", from.GetTimeRange(), now)
	selection.Times = times
	return selection, err
}

// archiveFailure is the error of a request to the object store, or that of the call.
func archiveFailure(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return status.FromContextError(ctx.Err()).Err()
	}
	if _, ok := status.FromError(err); ok {
		return err
	}
	if fault, ok := errors.AsType[*model.FieldError](err); ok {
		return fault
	}
	return status.Errorf(codes.Unavailable, "the archive cannot be read: %v", err)
}
