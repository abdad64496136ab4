// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"errors"
	"io"

	"github.com/tapio/tapio/internal/wire"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// collectorService is what a fleet of collectors talks to.
type collectorService struct {
	tapiov1.UnimplementedCollectorServiceServer
	*Server
}

// SendEventBatch implements tapiov1.CollectorServiceServer.
func (s *collectorService) SendEventBatch(
	ctx context.Context, req *tapiov1.SendEventBatchRequest,
) (*tapiov1.SendEventBatchResponse, error) {
	ack, err := s.write(ctx, req.GetBatch(), "batch")
	if err != nil {
		return nil, err
	}
	return &tapiov1.SendEventBatchResponse{Ack: ack}, nil
}

// StreamEvents implements tapiov1.CollectorServiceServer. The receiving loop
// has a goroutine of its own, so that the stream can end while it waits.
func (s *collectorService) StreamEvents(stream tapiov1.CollectorService_StreamEventsServer) error {
	ended := make(chan error, 1)
	go func() {
		ended <- s.guard(tapiov1.CollectorService_StreamEvents_FullMethodName, func() error { return s.receiveBatches(stream) })
	}()
	select {
	case err := <-ended:
		return err
	case <-stream.Context().Done():
		return context.Cause(stream.Context())
	}
}

func (s *collectorService) receiveBatches(stream tapiov1.CollectorService_StreamEventsServer) error {
	for {
		req, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		ack, err := s.answer(stream.Context(), req.GetBatch(), "batch")
		if err != nil {
			return err
		}
		if err := stream.Send(&tapiov1.CollectorServiceStreamEventsResponse{Ack: ack}); err != nil {
			return err
		}
	}
}

// GetServerInfo implements tapiov1.CollectorServiceServer.
func (s *collectorService) GetServerInfo(
	context.Context, *tapiov1.GetServerInfoRequest,
) (*tapiov1.GetServerInfoResponse, error) {
	return &tapiov1.GetServerInfoResponse{
		Service: s.serviceInfo(),
		PayloadCompressions: []tapiov1.Compression{
			tapiov1.Compression_COMPRESSION_GZIP, tapiov1.Compression_COMPRESSION_ZSTD,
			tapiov1.Compression_COMPRESSION_LZ4, tapiov1.Compression_COMPRESSION_SNAPPY,
		},
		MessageEncodings: []string{"gzip", "snappy", "zstd"},
		MaxBatchRecords:  wire.MaxBatchEvents,
		MaxPayloadBytes:  uint64(s.MaxReceiveMessageBytes),
	}, nil
}
