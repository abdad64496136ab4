// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"

	"github.com/tapio/tapio/extension/tapioextension/internal/fanout"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// callCounter counts connections and the calls that fail, also those that an
// authenticator refuses before any of our code sees them.
type callCounter struct{ calls *calls }

var _ stats.Handler = (*callCounter)(nil)

// TagRPC implements stats.Handler.
func (*callCounter) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context { return ctx }

// HandleRPC implements stats.Handler. A client that hangs up, as one does that
// has followed enough, was not refused.
func (c *callCounter) HandleRPC(_ context.Context, event stats.RPCStats) {
	end, ok := event.(*stats.End)
	if !ok || end.Error == nil {
		return
	}
	if code := status.Code(end.Error); code != codes.Canceled {
		c.calls.rejected.add(code.String())
	}
}

// TagConn implements stats.Handler.
func (*callCounter) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }

// HandleConn implements stats.Handler.
func (c *callCounter) HandleConn(_ context.Context, event stats.ConnStats) {
	switch event.(type) {
	case *stats.ConnBegin:
		c.calls.connections.Add(1)
	case *stats.ConnEnd:
		c.calls.connections.Add(-1)
	}
}

// OpenStreams is the number of streams open now.
func (s *Server) OpenStreams() uint64 { return uint64(s.calls.openStreams()) }

// OpenConnections is the number of gRPC connections open now.
func (s *Server) OpenConnections() uint64 { return uint64(max(s.calls.connections.Load(), 0)) }

// MarkReaders notes how far each signal has come. It is to be called every second.
func (s *Server) MarkReaders() {
	for _, stats := range s.Figures.Stats() {
		s.readers.Mark(stats.Signal, stats.LastSeq)
	}
}

// Lags is how far behind the readers of each signal are.
func (s *Server) Lags() map[string]fanout.Lag {
	last := map[string]uint64{}
	for _, stats := range s.Figures.Stats() {
		last[stats.Signal] = stats.LastSeq
	}
	return s.readers.Lags(last)
}

// InFlightBytes is what writes under way take.
func (s *Server) InFlightBytes() uint64 { return uint64(max(s.admission.room.taken.Load(), 0)) }

// RejectedCalls counts calls that ended with an error, by status code.
func (s *Server) RejectedCalls() map[string]uint64 { return s.calls.rejected.snapshot() }

// DroppedStreams counts streams that the server ended, by reason.
func (s *Server) DroppedStreams() map[string]uint64 { return s.calls.dropped.snapshot() }

// AcceptedRecords counts records written and accepted.
func (s *Server) AcceptedRecords() uint64 { return s.ingest.figures.Accepted() }

// DuplicateBatches counts batches that had been stored before.
func (s *Server) DuplicateBatches() uint64 { return s.ingest.figures.Duplicates() }

// ReceivedBytes counts what was written, unpacked.
func (s *Server) ReceivedBytes() uint64 { return s.ingest.figures.Bytes() }

// RejectedRecords counts records written and refused, by reason.
func (s *Server) RejectedRecords() map[string]uint64 { return s.ingest.figures.Rejected() }

// CollectorStates counts the registered collectors by the name of their state.
func (s *Server) CollectorStates() map[string]uint64 { return stateNames(s.Fleet.States()) }

// LeftCollectors counts the registrations that ended, by reason.
func (s *Server) LeftCollectors() map[string]uint64 { return s.Fleet.Left() }

func stateNames(states map[tapiov1.Collector_State]uint64) map[string]uint64 {
	named := map[string]uint64{}
	for state, n := range states {
		named[state.String()] += n
	}
	return named
}
