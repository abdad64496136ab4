// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"slices"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/tapio/tapio/extension/tapioextension/internal/calls"
	"github.com/tapio/tapio/extension/tapioextension/internal/ingest"
	"github.com/tapio/tapio/internal/protoconv"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// collectorService is what a fleet of collectors talks to.
type collectorService struct {
	tapiov1.UnimplementedCollectorServiceServer
	events *ingest.Events
	fleet  *fleetAccess
	info   *info
	now    func() time.Time
}

// collectorServiceDesc is the service with its SendEventBatch undecoded: a batch
// is admitted before it is decoded, which takes many times its length.
func collectorServiceDesc() *grpc.ServiceDesc {
	desc := tapiov1.CollectorService_ServiceDesc
	desc.Methods = slices.Clone(desc.Methods)
	for i := range desc.Methods {
		if desc.Methods[i].MethodName == "SendEventBatch" {
			desc.Methods[i].Handler = sendEventBatch
		}
	}
	return &desc
}

//nolint:revive // the order of arguments is that of grpc.MethodDesc
func sendEventBatch(srv any, ctx context.Context, decode func(any) error, intercept grpc.UnaryServerInterceptor) (any, error) {
	message := new(calls.Raw)
	if err := decode(message); err != nil {
		return nil, err
	}
	defer message.Free()
	service := srv.(*collectorService)
	info := &grpc.UnaryServerInfo{Server: srv, FullMethod: tapiov1.CollectorService_SendEventBatch_FullMethodName}
	return intercept(ctx, message, info, func(ctx context.Context, _ any) (any, error) {
		batch, err := protoconv.ParseBatchRequest(message.Bytes())
		if err != nil {
			return nil, err
		}
		return service.send(ctx, batch)
	})
}

// SendEventBatch implements tapiov1.CollectorServiceServer.
func (s *collectorService) SendEventBatch(
	ctx context.Context, req *tapiov1.SendEventBatchRequest,
) (*tapiov1.SendEventBatchResponse, error) {
	return s.send(ctx, protoconv.InboundBatch(req.GetBatch()))
}

func (s *collectorService) send(ctx context.Context, batch *protoconv.Inbound) (*tapiov1.SendEventBatchResponse, error) {
	ack, err := s.events.Write(ctx, batch, "batch")
	if err != nil {
		return nil, err
	}
	return &tapiov1.SendEventBatchResponse{Ack: ack, FlowControl: s.events.FlowControl(ctx)}, nil
}

// StreamEvents implements tapiov1.CollectorServiceServer.
func (s *collectorService) StreamEvents(stream tapiov1.CollectorService_StreamEventsServer) error {
	var sent *tapiov1.FlowControl
	return calls.EachMessage(stream, func(data []byte) error {
		batch, err := protoconv.ParseBatchRequest(data)
		if err != nil {
			return err
		}
		return calls.Whole(stream.Context(), func() error {
			ack, err := s.events.Answer(stream.Context(), batch, "batch")
			if err != nil {
				return err
			}
			resp := &tapiov1.CollectorServiceStreamEventsResponse{Ack: ack}
			if flow := s.events.FlowControl(stream.Context()); !proto.Equal(flow, sent) {
				sent, resp.FlowControl = flow, flow
			}
			return stream.Send(resp)
		})
	})
}

// GetServerInfo implements tapiov1.CollectorServiceServer.
func (s *collectorService) GetServerInfo(
	context.Context, *tapiov1.GetServerInfoRequest,
) (*tapiov1.GetServerInfoResponse, error) {
	return &tapiov1.GetServerInfoResponse{
		Service: s.info.service(),
		PayloadCompressions: []tapiov1.Compression{
			tapiov1.Compression_COMPRESSION_GZIP, tapiov1.Compression_COMPRESSION_ZSTD,
			tapiov1.Compression_COMPRESSION_LZ4, tapiov1.Compression_COMPRESSION_SNAPPY,
		},
		MessageEncodings: []string{"gzip", calls.LZ4Encoding, "snappy", "zstd"},
		MaxBatchRecords:  protoconv.MaxBatchEvents,
		MaxPayloadBytes:  uint64(s.events.MaxReceiveMessageBytes),
	}, nil
}
