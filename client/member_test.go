// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package client_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/tapio/tapio/client"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// flakyFleet is a registry that forgets its member once.
type flakyFleet struct {
	tapiov1.UnimplementedCollectorServiceServer
	beats  chan *tapiov1.HeartbeatRequest
	forgot int
}

func (f *flakyFleet) RegisterCollector(_ context.Context, req *tapiov1.RegisterCollectorRequest) (*tapiov1.RegisterCollectorResponse, error) {
	return &tapiov1.RegisterCollectorResponse{
		Collector: req.GetCollector(), HeartbeatInterval: durationpb.New(10 * time.Millisecond),
		FlowControl: &tapiov1.FlowControl{MaxBatchRecords: 7},
	}, nil
}

// Heartbeat pushes a configuration with the first beat, and forgets the member
// once.
func (f *flakyFleet) Heartbeat(stream tapiov1.CollectorService_HeartbeatServer) error {
	for n := 0; ; n++ {
		req, err := stream.Recv()
		if err != nil {
			return err
		}
		f.beats <- req
		switch {
		case n == 0:
			err = stream.Send(&tapiov1.HeartbeatResponse{Config: &tapiov1.CollectorConfig{Version: 3, Content: "x"}})
		case n == 3 && f.forgot == 0:
			f.forgot++
			return status.Error(codes.NotFound, "who are you?")
		default:
			err = stream.Send(&tapiov1.HeartbeatResponse{})
		}
		if err != nil {
			return err
		}
	}
}

func (f *flakyFleet) UnregisterCollector(context.Context, *tapiov1.UnregisterCollectorRequest) (*tapiov1.UnregisterCollectorResponse, error) {
	close(f.beats)
	return &tapiov1.UnregisterCollectorResponse{}, nil
}

func TestMember(t *testing.T) {
	server := &flakyFleet{beats: make(chan *tapiov1.HeartbeatRequest, 100)}
	conn := serve(t, func(s *grpc.Server) { tapiov1.RegisterCollectorServiceServer(s, server) })
	ctx, cancel := context.WithCancel(bounded(t))
	defer cancel()
	limits := make(chan uint32, 100)
	m := client.Member{
		Collector: &tapiov1.Collector{CollectorId: "me"},
		Report:    func() *tapiov1.CollectorStatus { return &tapiov1.CollectorStatus{CpuCores: 1} },
		Apply: func(_ context.Context, c *tapiov1.CollectorConfig) (string, error) {
			return "really " + c.GetContent(), nil
		},
		FlowControl: func(flow *tapiov1.FlowControl) { limits <- flow.GetMaxBatchRecords() },
		Backoff:     quick(),
	}
	ended := make(chan error)
	go func() { ended <- m.Run(ctx, conn) }()
	assert.EqualValues(t, 7, <-limits)
	answers := 0
	for beat := range server.beats {
		assert.Equal(t, "me", beat.GetCollectorId())
		assert.InDelta(t, 1, beat.GetStatus().GetCpuCores(), 0)
		if beat.GetConfigStatus() != nil {
			assert.Equal(t, "really x", beat.GetConfigStatus().GetEffectiveContent())
			assert.EqualValues(t, 3, beat.GetConfigStatus().GetVersion())
			answers++
		}
		if answers == 2 { // before and after the server forgot it
			cancel()
		}
	}
	require.NoError(t, <-ended)
	assert.GreaterOrEqual(t, answers, 2)
}
