// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"net"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

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
	ack, err := s.write(ctx, wire.InboundBatch(req.GetBatch()), "batch")
	if err != nil {
		return nil, err
	}
	return &tapiov1.SendEventBatchResponse{Ack: ack, FlowControl: s.flowControl(ctx)}, nil
}

// StreamEvents implements tapiov1.CollectorServiceServer.
func (s *collectorService) StreamEvents(stream tapiov1.CollectorService_StreamEventsServer) error {
	var told *tapiov1.FlowControl
	return eachMessage(stream, func(data []byte) error {
		batch, err := wire.ParseBatchRequest(data)
		if err != nil {
			return err
		}
		return whole(stream.Context(), func() error {
			ack, err := s.answer(stream.Context(), batch, "batch")
			if err != nil {
				return err
			}
			resp := &tapiov1.CollectorServiceStreamEventsResponse{Ack: ack}
			if flow := s.flowControl(stream.Context()); !proto.Equal(flow, told) {
				told, resp.FlowControl = flow, flow
			}
			return stream.Send(resp)
		})
	})
}

// The steps of load at which senders are told to go on differently. Few steps,
// so that they are not told with every batch.
const (
	busyLoad = 0.5
	fullLoad = 0.9
)

// leastInterval is what busy senders are told to keep, though nothing was
// acknowledged yet that an interval could be told from.
const leastInterval = 10 * time.Millisecond

// flowControl tells a sender how to go on, by the share of the room for writes
// that is taken and by how long an acknowledgement takes: with half of it taken
// senders are to spread their batches, and near its end to pause.
func (s *Server) flowControl(ctx context.Context) *tapiov1.FlowControl {
	flow := &tapiov1.FlowControl{MaxBatchRecords: wire.MaxBatchEvents, Compression: compressionFor(callerOf(ctx).host)}
	if perSecond := s.Limits.BytesPerSecond; perSecond > 0 {
		flow.MaxRecordsPerSecond = perSecond / s.bytesPerRecord()
	}
	load := s.admission.load()
	if load < busyLoad {
		return flow
	}
	latency := max(s.ingest.figures.Latency().Quantiles(0.5)[0], leastInterval)
	flow.MaxBatchRecords = wire.MaxBatchEvents / 10
	flow.SendInterval = durationpb.New(latency)
	flow.Reason = "the server has more than half of limits::in_flight_size in hand"
	flow.Compression = tapiov1.Compression_COMPRESSION_UNSPECIFIED // unpacking costs what is scarce
	if load >= fullLoad {
		flow.Pause = durationpb.New(10 * latency)
		flow.Reason = "the server has nearly all of limits::in_flight_size in hand"
	}
	return flow
}

// bytesPerRecord is what a record took so far on average.
func (s *Server) bytesPerRecord() float64 {
	figures := &s.ingest.figures
	if figures.Accepted() == 0 {
		return 1
	}
	return max(float64(figures.Bytes())/float64(figures.Accepted()), 1)
}

// compressionFor spares the network, which there is none of on one machine.
func compressionFor(host string) tapiov1.Compression {
	if ip := net.ParseIP(host); ip == nil || ip.IsLoopback() {
		return tapiov1.Compression_COMPRESSION_UNSPECIFIED
	}
	return tapiov1.Compression_COMPRESSION_ZSTD
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
		MessageEncodings: []string{"gzip", lz4Encoding, "snappy", "zstd"},
		MaxBatchRecords:  wire.MaxBatchEvents,
		MaxPayloadBytes:  uint64(s.MaxReceiveMessageBytes),
	}, nil
}
