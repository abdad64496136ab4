// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"errors"
	"io"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/tapio/tapio/extension/tapioextension/internal/auth"
	"github.com/tapio/tapio/extension/tapioextension/internal/fleet"
	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/protoconv"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// fleetAccess is the registry of collectors, as far as each caller may use it.
type fleetAccess struct {
	registry *fleet.Registry
	guard    *auth.Guard
	audit    *auditor
}

// of is the registry as the caller may use it.
func (f *fleetAccess) of(ctx context.Context) fleet.Caller {
	by := auth.CallerOf(ctx)
	return f.registry.As(by.Subject, f.guard.Rules(by))
}

// RegisterCollector implements tapiov1.CollectorServiceServer.
func (s *collectorService) RegisterCollector(
	ctx context.Context, req *tapiov1.RegisterCollectorRequest,
) (*tapiov1.RegisterCollectorResponse, error) {
	own := s.fleet.of(ctx)
	registered, err := own.Register(req.GetCollector(), fleet.GRPC, 0)
	if err != nil {
		return nil, err
	}
	config, _, err := own.Config(registered.GetCollectorId())
	if err != nil {
		return nil, err
	}
	return &tapiov1.RegisterCollectorResponse{
		Collector:         registered,
		HeartbeatInterval: durationpb.New(s.fleet.registry.Interval()),
		Config:            config,
		FlowControl:       s.events.FlowControl(ctx),
	}, nil
}

// UnregisterCollector implements tapiov1.CollectorServiceServer.
func (s *collectorService) UnregisterCollector(
	ctx context.Context, req *tapiov1.UnregisterCollectorRequest,
) (*tapiov1.UnregisterCollectorResponse, error) {
	if err := s.fleet.unregister(ctx, req.GetCollectorId()); err != nil {
		return nil, err
	}
	return &tapiov1.UnregisterCollectorResponse{}, nil
}

// unregister ends a registration and, with it, the
// configuration that was meant for the collector, for every kind of caller.
func (f *fleetAccess) unregister(ctx context.Context, id string) error {
	configured, err := f.of(ctx).Unregister(id)
	if configured {
		f.audit.config(ctx, configRemoved, id, nil)
	}
	return err
}

// Heartbeat implements tapiov1.CollectorServiceServer. Beats are read in a
// goroutine of their own, so that a new configuration need not wait for one.
func (s *collectorService) Heartbeat(stream tapiov1.CollectorService_HeartbeatServer) error {
	beats := make(chan *tapiov1.HeartbeatRequest)
	ended := make(chan error, 1)
	go func() {
		ended <- s.events.Calls.Run(tapiov1.CollectorService_Heartbeat_FullMethodName, func() error { return receiveBeats(stream, beats) })
	}()
	h := &heartbeats{service: s, stream: stream, own: s.fleet.of(stream.Context())}
	defer h.stop()
	for {
		select {
		case req := <-beats:
			if err := h.beat(req); err != nil {
				return err
			}
		case <-h.changed:
			if err := h.push(); err != nil {
				return err
			}
		case err := <-ended:
			return err
		case <-stream.Context().Done():
			return context.Cause(stream.Context())
		}
	}
}

func receiveBeats(stream tapiov1.CollectorService_HeartbeatServer, beats chan<- *tapiov1.HeartbeatRequest) error {
	for {
		req, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		select {
		case beats <- req:
		case <-stream.Context().Done():
			return context.Cause(stream.Context())
		}
	}
}

// heartbeats is one open stream of one collector.
type heartbeats struct {
	service *collectorService
	stream  tapiov1.CollectorService_HeartbeatServer
	own     fleet.Caller
	id      string          // "" before the first beat
	changed <-chan struct{} // see fleet.Registry.Watch
	unwatch func()
	sent    uint64 // version of the configuration that was sent last
	flow    *tapiov1.FlowControl
}

func (h *heartbeats) stop() {
	if h.unwatch != nil {
		h.unwatch()
	}
}

func (h *heartbeats) beat(req *tapiov1.HeartbeatRequest) error {
	if h.id != "" && req.GetCollectorId() != h.id {
		return model.InvalidField("collector_id", "must be that of the first beat, %q, is %q: open a stream for each collector",
			h.id, req.GetCollectorId())
	}
	if err := h.own.Beat(req.GetCollectorId(), req.GetStatus(), req.GetConfigStatus()); err != nil {
		return err
	}
	if h.id == "" {
		changed, unwatch, err := h.service.fleet.registry.Watch(req.GetCollectorId())
		if err != nil {
			return err
		}
		h.id, h.changed, h.unwatch = req.GetCollectorId(), changed, unwatch
	}
	h.sent = max(h.sent, req.GetConfigStatus().GetVersion()) // it has that one
	return h.answer()
}

// push sends a new configuration at once.
func (h *heartbeats) push() error { return h.answer() }

// answer returns what is new since the previous answer.
func (h *heartbeats) answer() error {
	config, _, err := h.own.Config(h.id)
	if err != nil {
		return err // the registration has ended
	}
	resp := &tapiov1.HeartbeatResponse{Time: timestamppb.New(h.service.now())}
	if config.GetVersion() > h.sent {
		h.sent, resp.Config = config.GetVersion(), config
	}
	if flow := h.service.events.FlowControl(h.stream.Context()); !proto.Equal(flow, h.flow) {
		h.flow, resp.FlowControl = flow, flow
	}
	return h.stream.Send(resp)
}

// GetConfig implements tapiov1.CollectorServiceServer.
func (s *collectorService) GetConfig(
	ctx context.Context, req *tapiov1.GetConfigRequest,
) (*tapiov1.GetConfigResponse, error) {
	config, answer, err := s.fleet.of(ctx).Config(req.GetCollectorId())
	if err != nil {
		return nil, err
	}
	return &tapiov1.GetConfigResponse{Config: config, Status: answer}, nil
}

// UpdateConfig implements tapiov1.CollectorServiceServer.
func (s *collectorService) UpdateConfig(
	ctx context.Context, req *tapiov1.UpdateConfigRequest,
) (*tapiov1.UpdateConfigResponse, error) {
	config, err := s.fleet.of(ctx).Configure(req)
	if err != nil {
		return nil, err
	}
	if !req.GetValidateOnly() {
		s.fleet.audit.config(ctx, configUpdated, req.GetCollectorId(), config)
	}
	return &tapiov1.UpdateConfigResponse{Config: config}, nil
}

// ListCollectors implements tapiov1.CollectorServiceServer.
func (s *collectorService) ListCollectors(
	_ context.Context, req *tapiov1.ListCollectorsRequest,
) (*tapiov1.ListCollectorsResponse, error) {
	asked, err := protoconv.ListCollectorsQuery(req, s.now())
	if err != nil {
		return nil, err
	}
	order := map[string]fleet.Order{"collector_id": fleet.ByID, "node": fleet.ByNode, "last_seen_at": fleet.ByLastSeen}
	page, err := s.fleet.registry.List(fleet.Query{
		Filter: asked.Filter, States: asked.States, Order: order[asked.OrderBy], Desc: asked.Desc,
		Limit: asked.Paging.Limit, After: asked.Paging.After.Seq, Newest: asked.Paging.After.Snapshot,
	})
	if err != nil {
		return nil, err
	}
	resp := &tapiov1.ListCollectorsResponse{
		Collectors: page.Collectors, StateCounts: stateNames(page.States), Statistics: page.Statistics,
	}
	if page.After != 0 {
		resp.NextPageToken = protoconv.PageToken(req, model.Cursor{Snapshot: page.Newest, Seq: page.After})
	}
	return resp, nil
}

// GetMetrics implements tapiov1.CollectorServiceServer.
func (s *collectorService) GetMetrics(
	_ context.Context, req *tapiov1.CollectorServiceGetMetricsRequest,
) (*tapiov1.CollectorServiceGetMetricsResponse, error) {
	if id := req.GetCollectorId(); id != "" {
		if _, _, err := s.fleet.registry.Config(id); err != nil {
			return nil, err
		}
		return &tapiov1.CollectorServiceGetMetricsResponse{
			Collectors: []*tapiov1.CollectorServiceGetMetricsResponse_CollectorFigures{figuresOf(id, s.fleet.registry.Figures(id))},
		}, nil
	}
	resp := &tapiov1.CollectorServiceGetMetricsResponse{}
	ids, figures := s.fleet.registry.AllFigures()
	for i, id := range ids {
		resp.Collectors = append(resp.Collectors, figuresOf(id, figures[i]))
	}
	return resp, nil
}

func figuresOf(id string, f *fleet.Figures) *tapiov1.CollectorServiceGetMetricsResponse_CollectorFigures {
	if f == nil { // it left a moment ago
		f = new(fleet.Figures)
	}
	latency := f.Latency().Quantiles(0.5, 0.99)
	return &tapiov1.CollectorServiceGetMetricsResponse_CollectorFigures{
		CollectorId:          id,
		AcceptedRecordCount:  f.Accepted(),
		RejectedRecordCounts: f.Rejected(),
		BatchCount:           f.Batches(),
		DuplicateBatchCount:  f.Duplicates(),
		ReceivedBytes:        f.Bytes(),
		AckLatencyP50:        durationpb.New(latency[0]),
		AckLatencyP99:        durationpb.New(latency[1]),
		AckLatency:           latencyBuckets(f.Latency()),
	}
}
