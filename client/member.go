// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// Member is a collector of the server's fleet. Collector.collector_id is
// required.
type Member struct {
	Collector *tapiov1.Collector
	// Report returns the state of the collector for each heartbeat. nil: nothing.
	Report func() *tapiov1.CollectorStatus
	// Apply puts a configuration in force and returns what is really in force
	// then, or why it was refused. nil: every configuration is refused.
	Apply func(context.Context, *tapiov1.CollectorConfig) (effective string, err error)
	// FlowControl is called with how to send from now on; Writer.ApplyFlowControl applies it. nil:
	// no one is.
	FlowControl func(*tapiov1.FlowControl)
	Backoff     Backoff
}

// goodbyeTime is how long a member that leaves waits for the server.
const goodbyeTime = 2 * time.Second

// Run registers, beats and takes configurations until ctx ends, which is no
// error, or the server refuses. It then unregisters. A server that forgot the
// member gets it registered again.
func (m *Member) Run(ctx context.Context, conn grpc.ClientConnInterface) error {
	client := tapiov1.NewCollectorServiceClient(conn)
	defer m.leave(context.WithoutCancel(ctx), client)
	for failures := 0; ; failures++ {
		began := time.Now()
		err := m.session(ctx, client)
		switch {
		case ctx.Err() != nil:
			return nil
		case !passes(err) && status.Code(err) != codes.NotFound:
			return err
		}
		if time.Since(began) > time.Minute {
			failures = 0
		}
		if !sleep(ctx, max(retryAfter(err), m.Backoff.delay(failures))) {
			return nil
		}
	}
}

func (m *Member) leave(ctx context.Context, client tapiov1.CollectorServiceClient) {
	ctx, cancel := context.WithTimeout(ctx, goodbyeTime)
	defer cancel()
	// A server that does not hear it notices the silence.
	_, _ = client.UnregisterCollector(ctx, &tapiov1.UnregisterCollectorRequest{CollectorId: m.Collector.GetCollectorId()})
}

// session is one registration on one stream. It always ends with an error.
func (m *Member) session(ctx context.Context, client tapiov1.CollectorServiceClient) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	welcome, err := client.RegisterCollector(ctx, &tapiov1.RegisterCollectorRequest{Collector: m.Collector})
	if err != nil {
		return err
	}
	stream, err := client.Heartbeat(ctx)
	if err != nil {
		return err
	}
	m.applyFlow(welcome.GetFlowControl())
	news := make(chan *tapiov1.HeartbeatResponse)
	ended := make(chan error, 1)
	go func() { ended <- caught(func() error { return receiveNews(ctx, stream, news) }) }()

	beat := time.NewTicker(max(welcome.GetHeartbeatInterval().AsDuration(), time.Millisecond))
	defer beat.Stop()
	// Errors of Send are returned by Recv, with their reason.
	_ = stream.Send(m.beat(m.apply(ctx, welcome.GetConfig())))
	for {
		select {
		case resp := <-news:
			m.applyFlow(resp.GetFlowControl())
			if answer := m.apply(ctx, resp.GetConfig()); answer != nil {
				_ = stream.Send(m.beat(answer))
			}
		case <-beat.C:
			_ = stream.Send(m.beat(nil))
		case err := <-ended:
			return err
		}
	}
}

func receiveNews(
	ctx context.Context, stream tapiov1.CollectorService_HeartbeatClient, news chan<- *tapiov1.HeartbeatResponse,
) error {
	for {
		resp, err := stream.Recv()
		if err != nil {
			return err
		}
		select {
		case news <- resp:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (m *Member) beat(answer *tapiov1.ConfigStatus) *tapiov1.HeartbeatRequest {
	req := &tapiov1.HeartbeatRequest{
		CollectorId: m.Collector.GetCollectorId(), ConfigStatus: answer, SentAt: timestamppb.Now(),
	}
	if m.Report != nil {
		req.Status = m.Report()
	}
	return req
}

func (m *Member) applyFlow(flow *tapiov1.FlowControl) {
	if flow != nil && m.FlowControl != nil {
		m.FlowControl(flow)
	}
}

// apply returns what became of a configuration; nil where there is none.
func (m *Member) apply(ctx context.Context, config *tapiov1.CollectorConfig) *tapiov1.ConfigStatus {
	if config == nil {
		return nil
	}
	answer := &tapiov1.ConfigStatus{Version: config.GetVersion(), Result: tapiov1.ConfigStatus_RESULT_FAILED}
	if m.Apply == nil {
		answer.Message = "this collector takes no configuration"
		return answer
	}
	effective, err := m.Apply(ctx, config)
	if err != nil {
		answer.Message = err.Error()
		return answer
	}
	answer.Result, answer.EffectiveContent = tapiov1.ConfigStatus_RESULT_APPLIED, effective
	return answer
}
