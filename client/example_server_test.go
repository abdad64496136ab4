// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package client_test

import (
	"context"
	"net"

	commonv1 "go.opentelemetry.io/proto/otlp/common/v1"
	logsv1 "go.opentelemetry.io/proto/otlp/logs/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/types/known/durationpb"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// connect gives the examples a connection to a small server of their own.
func connect() (conn *grpc.ClientConn, hangUp func()) {
	l := bufconn.Listen(1 << 20)
	server := grpc.NewServer()
	tapiov1.RegisterTapioServiceServer(server, exampleTapio{flaky: &flaky{
		trouble: func(int) trouble { return none }, stored: map[string]bool{},
	}})
	tapiov1.RegisterCollectorServiceServer(server, exampleCollectors{})
	tapiov1.RegisterObservabilityServiceServer(server, exampleQuestions{})
	served := make(chan struct{})
	go func() { defer close(served); _ = server.Serve(l) }()
	conn, err := grpc.NewClient("passthrough:///example", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return l.DialContext(ctx) }))
	if err != nil {
		panic(err)
	}
	return conn, func() {
		_ = conn.Close()
		server.Stop()
		<-served
	}
}

// exampleTapio stores what is written, and has one event for those who follow.
type exampleTapio struct{ *flaky }

func (exampleTapio) SubscribeToEvents(
	_ *tapiov1.SubscribeToEventsRequest, stream tapiov1.TapioService_SubscribeToEventsServer,
) error {
	err := stream.Send(&tapiov1.SubscribeToEventsResponse{Events: []*tapiov1.Event{
		{LogRecord: &logsv1.LogRecord{EventName: "invoice.sent"}},
	}})
	<-stream.Context().Done()
	return err
}

type exampleCollectors struct {
	tapiov1.UnimplementedCollectorServiceServer
}

func (exampleCollectors) RegisterCollector(
	context.Context, *tapiov1.RegisterCollectorRequest,
) (*tapiov1.RegisterCollectorResponse, error) {
	return &tapiov1.RegisterCollectorResponse{
		HeartbeatInterval: durationpb.New(1e9), Config: &tapiov1.CollectorConfig{Version: 1, Content: "level: debug"},
	}, nil
}

func (exampleCollectors) Heartbeat(stream tapiov1.CollectorService_HeartbeatServer) error {
	for {
		if _, err := stream.Recv(); err != nil {
			return err
		}
	}
}

func (exampleCollectors) UnregisterCollector(
	context.Context, *tapiov1.UnregisterCollectorRequest,
) (*tapiov1.UnregisterCollectorResponse, error) {
	return &tapiov1.UnregisterCollectorResponse{}, nil
}

type exampleQuestions struct {
	tapiov1.UnimplementedObservabilityServiceServer
}

func (exampleQuestions) GetLogs(context.Context, *tapiov1.GetLogsRequest) (*tapiov1.GetLogsResponse, error) {
	body := &commonv1.AnyValue{Value: &commonv1.AnyValue_StringValue{StringValue: "worker-3 is out of memory"}}
	return &tapiov1.GetLogsResponse{Logs: []*tapiov1.Event{{LogRecord: &logsv1.LogRecord{Body: body}}}}, nil
}
