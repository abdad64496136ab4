// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package client_test

import (
	"context"
	"fmt"

	logsv1 "go.opentelemetry.io/proto/otlp/logs/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/tapio/tapio/client"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

func connect() *grpc.ClientConn {
	conn, err := grpc.NewClient("localhost:4417", grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		panic(err)
	}
	return conn
}

// TapioService: write an event so that it is stored once, whatever the network
// does.
func ExampleWriter() {
	conn := connect()
	defer func() { _ = conn.Close() }()
	w := client.NewWriter(conn, client.WriterOptions{Sender: "billing-7f9c"})
	event := &tapiov1.Event{LogRecord: &logsv1.LogRecord{EventName: "invoice.sent"}}
	if err := w.Write(context.Background(), event); err != nil {
		panic(err)
	}
	if err := w.Close(context.Background()); err != nil {
		panic(err)
	}
}

// TapioService: follow events, on and on.
func ExampleFollow() {
	conn := connect()
	defer func() { _ = conn.Close() }()
	wanted := &tapiov1.SubscribeToEventsRequest{Filter: &tapiov1.Filter{EventNames: []string{"invoice.*"}}}
	err := client.Follow(context.Background(), conn, wanted, client.Backoff{}, func(r *tapiov1.SubscribeToEventsResponse) error {
		for _, event := range r.GetEvents() {
			fmt.Println(event.GetLogRecord().GetEventName())
		}
		return nil
	})
	if err != nil {
		panic(err)
	}
}

// CollectorService: be one of the fleet.
func ExampleMember() {
	conn := connect()
	defer func() { _ = conn.Close() }()
	m := client.Member{
		Collector: &tapiov1.Collector{CollectorId: "agent-1", CollectorType: "agent", Version: "1.2.3"},
		Apply: func(_ context.Context, c *tapiov1.CollectorConfig) (string, error) {
			return c.GetContent(), nil // put it in force here
		},
	}
	if err := m.Run(context.Background(), conn); err != nil {
		panic(err)
	}
}

// ObservabilityService: a question needs no more than the generated stub.
func Example() {
	conn := connect()
	defer func() { _ = conn.Close() }()
	answer, err := tapiov1.NewObservabilityServiceClient(conn).GetLogs(context.Background(), &tapiov1.GetLogsRequest{
		Filter: &tapiov1.Filter{Text: "out of memory"},
	})
	if err != nil {
		panic(err)
	}
	fmt.Println(len(answer.GetLogs()))
}
