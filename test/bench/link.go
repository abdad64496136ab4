// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"

	collogs "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// link is one connection on which one request is under way at a time.
type link struct {
	conn *grpc.ClientConn
	// send waits for the acknowledgement and returns how many of the batch's
	// records were not accepted.
	send func(ctx context.Context, b *batch) (rejected int, err error)
}

func dial(address string) (*grpc.ClientConn, error) {
	return grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
}

// exportMethod is the OTLP method that takes a signal.
func exportMethod(signal string) string {
	service := map[string]string{logs: "logs.v1.LogsService", traces: "trace.v1.TraceService", metrics: "metrics.v1.MetricsService"}
	return "/opentelemetry.proto.collector." + service[signal] + "/Export"
}

func otlpLink(signal string) func(context.Context, *collector) (*link, error) {
	return func(_ context.Context, c *collector) (*link, error) {
		conn, err := dial(c.otlp)
		if err != nil {
			return nil, err
		}
		codec := grpc.ForceCodecV2(newRawCodec())
		send := func(ctx context.Context, b *batch) (int, error) {
			// The answers of all signals are the same on the wire.
			var answer collogs.ExportLogsServiceResponse
			err := conn.Invoke(ctx, exportMethod(signal), b.encoded, &answer, codec)
			return int(answer.GetPartialSuccess().GetRejectedLogRecords()), err
		}
		return &link{conn: conn, send: send}, nil
	}
}

// writer is one of the two streams that take batches.
type writer struct {
	method string
	answer func() answer
}

// answer is what both streams send.
type answer interface{ GetAck() *tapiov1.BatchAck }

func eventWriter() writer {
	return writer{tapiov1.TapioService_StreamEvents_FullMethodName, func() answer { return new(tapiov1.StreamEventsResponse) }}
}

func fleetWriter() writer {
	return writer{tapiov1.CollectorService_StreamEvents_FullMethodName, func() answer { return new(tapiov1.CollectorServiceStreamEventsResponse) }}
}

// streamLink opens one stream.
func streamLink(w writer) connector {
	return func(ctx context.Context, c *collector) (*link, error) {
		conn, err := dial(c.api)
		if err != nil {
			return nil, err
		}
		desc := &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}
		stream, err := conn.NewStream(ctx, desc, w.method, grpc.ForceCodecV2(newRawCodec()))
		if err != nil {
			return nil, fmt.Errorf("open %s: %w", w.method, err)
		}
		send := func(_ context.Context, b *batch) (int, error) {
			if err := stream.SendMsg(b.encoded); err != nil {
				return 0, err
			}
			got := w.answer()
			if err := stream.RecvMsg(got); err != nil {
				return 0, err
			}
			return b.records - int(got.GetAck().GetAcceptedCount()), nil
		}
		return &link{conn: conn, send: send}, nil
	}
}
