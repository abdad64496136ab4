// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package client_test

import (
	"context"
	"fmt"

	logsv1 "go.opentelemetry.io/proto/otlp/logs/v1"

	"github.com/tapio/tapio/client"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// TapioService: write an event so that it is stored once, whatever the network
// does.
func ExampleWriter() {
	conn, hangUp := connect() // for example grpc.NewClient("localhost:4417", …)
	defer hangUp()
	w := client.NewWriter(conn, client.WriterOptions{Sender: "billing-7f9c"})
	event := &tapiov1.Event{LogRecord: &logsv1.LogRecord{EventName: "invoice.sent"}}
	if err := w.Write(context.Background(), event); err != nil {
		panic(err)
	}
	if err := w.Close(context.Background()); err != nil { // waits until it is stored
		panic(err)
	}
	fmt.Println(w.Stats().Accepted, "stored")
	// Output: 1 stored
}

// TapioService: follow events, until someone has enough.
func ExampleFollow() {
	conn, hangUp := connect()
	defer hangUp()
	ctx, enough := context.WithCancel(context.Background())
	defer enough()
	wanted := &tapiov1.SubscribeToEventsRequest{Filter: &tapiov1.Filter{EventNames: []string{"invoice.*"}}}
	err := client.Follow(ctx, conn, wanted, client.Backoff{}, func(r *tapiov1.SubscribeToEventsResponse) error {
		for _, event := range r.GetEvents() {
			fmt.Println(event.GetLogRecord().GetEventName())
		}
		enough()
		return nil
	})
	if err != nil {
		panic(err)
	}
	// Output: invoice.sent
}

// CollectorService: be one of the fleet, take its configuration, and write as
// fast as the server likes.
func ExampleMember() {
	conn, hangUp := connect()
	defer hangUp()
	w := client.NewWriter(conn, client.WriterOptions{Sender: "agent-1"})
	ctx, leave := context.WithCancel(context.Background())
	m := client.Member{
		Collector: &tapiov1.Collector{CollectorId: "agent-1", CollectorType: "agent", Version: "1.2.3"},
		Apply: func(_ context.Context, c *tapiov1.CollectorConfig) (string, error) {
			fmt.Println("in force:", c.GetContent()) // put it in force here
			leave()
			return c.GetContent(), nil
		},
		FlowControl: w.ApplyFlowControl,
	}
	if err := m.Run(ctx, conn); err != nil {
		panic(err)
	}
	if err := w.Close(context.Background()); err != nil {
		panic(err)
	}
	// Output: in force: level: debug
}

// ObservabilityService: a question needs no more than the generated stub.
func Example() {
	conn, hangUp := connect()
	defer hangUp()
	answer, err := tapiov1.NewObservabilityServiceClient(conn).GetLogs(context.Background(), &tapiov1.GetLogsRequest{
		Filter: &tapiov1.Filter{Text: "out of memory"},
	})
	if err != nil {
		panic(err)
	}
	for _, event := range answer.GetLogs() {
		fmt.Println(event.GetLogRecord().GetBody().GetStringValue())
	}
	// Output: worker-3 is out of memory
}
