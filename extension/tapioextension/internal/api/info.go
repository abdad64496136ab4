// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/tapio/tapio/extension/tapioextension/internal/fleet"
	"github.com/tapio/tapio/extension/tapioextension/internal/ingest"
	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/query"
	"github.com/tapio/tapio/internal/store"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// info is what the server reports about itself.
type info struct {
	Store                  query.Reader
	Figures                Figures
	Events                 *ingest.Events
	Name, Version          string
	Started                time.Time
	MaxAge                 time.Duration
	MaxReceiveMessageBytes int
	Trouble                func() []Trouble // nil: nothing
}

// GetServiceInfo implements tapiov1.TapioServiceServer.
func (s *tapioService) GetServiceInfo(
	ctx context.Context, _ *tapiov1.GetServiceInfoRequest,
) (*tapiov1.GetServiceInfoResponse, error) {
	answer := s.info.service()
	answer.Permissions = s.events.Calls.Guard.Permissions(ctx)
	return answer, nil
}

func (i *info) service() *tapiov1.GetServiceInfoResponse {
	return &tapiov1.GetServiceInfoResponse{
		Name:                   i.Name,
		Version:                i.Version,
		StoreStartTime:         timestamppb.New(i.Store.Started()),
		StartTime:              timestamppb.New(i.Started),
		ImplementedMethods:     implementedMethods(),
		Store:                  i.storeStats(),
		MaxAge:                 durationpb.New(i.MaxAge),
		MaxReceiveMessageBytes: uint64(i.MaxReceiveMessageBytes),
		Directory:              i.directory(),
		QueryMemory:            i.queryMemory(),
	}
}

func (i *info) directory() *tapiov1.StoreDirectory {
	d := i.Figures.Directory()
	if d.Path == "" {
		return nil
	}
	return &tapiov1.StoreDirectory{
		Path: d.Path, SizeBytes: d.Bytes, FailedWriteCount: d.FailedWrites, CorruptFileCount: d.CorruptFiles,
	}
}

func (i *info) queryMemory() *tapiov1.QueryMemory {
	q := i.Figures.QueryStats()
	return &tapiov1.QueryMemory{UsedBytes: q.Used, PeakBytes: q.Peak, LimitBytes: q.Limit, RefusedCount: q.Refused}
}

// GetMetrics implements tapiov1.TapioServiceServer.
func (s *tapioService) GetMetrics(
	context.Context, *tapiov1.TapioServiceGetMetricsRequest,
) (*tapiov1.TapioServiceGetMetricsResponse, error) {
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	figures := s.events.Figures()
	latency := figures.Latency().Quantiles(0.5, 0.99)
	resp := &tapiov1.TapioServiceGetMetricsResponse{
		Time:                 timestamppb.New(s.now()),
		Store:                s.info.storeStats(),
		HeapBytes:            memory.HeapAlloc,
		GoroutineCount:       uint64(runtime.NumGoroutine()),
		OpenStreamCount:      s.events.Calls.OpenStreams(),
		AcceptedRecordCount:  figures.Accepted(),
		RejectedRecordCounts: figures.Rejected(),
		RejectedCallCounts:   s.events.Calls.RejectedCalls(),
		DroppedStreamCounts:  s.events.Calls.DroppedStreams(),
		BatchCount:           figures.Batches(),
		DuplicateBatchCount:  figures.Duplicates(),
		ReceivedBytes:        figures.Bytes(),
		InFlightBytes:        s.events.Admission.Taken(),
		OpenConnectionCount:  s.events.Calls.OpenConnections(),
		AckLatencyP50:        durationpb.New(latency[0]),
		AckLatencyP99:        durationpb.New(latency[1]),
		FindingCounts:        s.info.Figures.Findings(),
		AckLatency:           latencyBuckets(figures.Latency()),
	}
	for _, stats := range s.info.Figures.Stats() {
		resp.LostRecordCount += stats.Lost
	}
	return resp, nil
}

func latencyBuckets(latency *fleet.Latency) (buckets []*tapiov1.LatencyBucket) {
	for bound, count := range latency.Buckets() {
		buckets = append(buckets, &tapiov1.LatencyBucket{UpperBound: durationpb.New(bound), Count: count})
	}
	return buckets
}

func (i *info) storeStats() []*tapiov1.StoreStats {
	var list []*tapiov1.StoreStats
	for _, stats := range i.Figures.Stats() {
		list = append(list, signalStats(&stats))
	}
	for at, c := range i.Figures.Cardinality() { // of log records and spans, the first two
		list[at].LabelCount = c.Labels
		list[at].UnindexedKeyCount = uint64(len(c.OpenKeys))
		list[at].UnindexedKeys = c.OpenKeys[:min(len(c.OpenKeys), maxUnindexedKeys)]
	}
	return list
}

// maxUnindexedKeys is how many keys are listed by name.
const maxUnindexedKeys = 20

func signalStats(stats *store.Stats) *tapiov1.StoreStats {
	return &tapiov1.StoreStats{
		Signal:        stats.Signal,
		RecordCount:   stats.Rows,
		SizeBytes:     stats.Bytes,
		CapacityBytes: stats.Capacity,
		AppendedCount: stats.Appended,
		EvictedCounts: stats.Evicted,
		RefusedCounts: stats.Refused,
		OldestTime:    timestamp(stats.Oldest),
		NewestTime:    timestamp(stats.Newest),
		FirstSequence: stats.FirstSeq,
		LastSequence:  stats.LastSeq,
		SeriesCount:   stats.Series,
		SeriesBytes:   stats.SeriesBytes,
		LabelKeyCount: stats.Labels,

		EvictedSeriesCount: stats.EvictedSeries,
	}
}

func timestamp(t model.Nanos) *timestamppb.Timestamp {
	if t == 0 {
		return nil
	}
	return &timestamppb.Timestamp{Seconds: int64(t / 1e9), Nanos: int32(t % 1e9)}
}

// HealthCheck implements tapiov1.TapioServiceServer.
func (s *tapioService) HealthCheck(context.Context, *tapiov1.HealthCheckRequest) (*tapiov1.HealthCheckResponse, error) {
	components := []*tapiov1.HealthCheckResponse_Component{
		s.info.pipelineHealth(), s.info.storeHealth(), s.info.eventReceiverHealth(),
	}
	worst := tapiov1.HealthCheckResponse_STATUS_SERVING
	for _, c := range components {
		worst = max(worst, c.GetStatus())
	}
	return &tapiov1.HealthCheckResponse{Status: worst, Components: components}, nil
}

// pipelineHealth is whether calls are answered, and what the components say.
func (i *info) pipelineHealth() *tapiov1.HealthCheckResponse_Component {
	c := &tapiov1.HealthCheckResponse_Component{Name: "pipelines", Status: tapiov1.HealthCheckResponse_STATUS_SERVING}
	if !i.Events.Calls.Serving() {
		c.Status = tapiov1.HealthCheckResponse_STATUS_NOT_SERVING
		c.Message = "the pipelines are starting or stopping: try again in a moment"
		return c
	}
	if i.Trouble == nil {
		return c
	}
	var said []string
	for _, one := range i.Trouble() {
		c.Status = max(c.Status, tapiov1.HealthCheckResponse_STATUS_DEGRADED)
		if one.Fatal {
			c.Status = tapiov1.HealthCheckResponse_STATUS_NOT_SERVING
		}
		said = append(said, one.Component+": "+one.Why)
	}
	c.Message = strings.Join(said, "; ")
	return c
}

func (i *info) storeHealth() *tapiov1.HealthCheckResponse_Component {
	c := &tapiov1.HealthCheckResponse_Component{Name: "store", Status: tapiov1.HealthCheckResponse_STATUS_SERVING}
	for _, stats := range i.Figures.Stats() {
		if n := stats.Refused["too_large"]; n > 0 {
			c.Status = tapiov1.HealthCheckResponse_STATUS_DEGRADED
			c.Message = stats.Signal + ": records were refused because one alone exceeds its part of the store: raise store::memory_limit"
		}
	}
	switch d := i.Figures.Directory(); {
	case d.Failing:
		c.Status = tapiov1.HealthCheckResponse_STATUS_DEGRADED
		c.Message = "the directory " + d.Path + " cannot be written, the log has the reason: records are in memory only until it can, " +
			"or refused with store::durability sync"
	case d.DamagedFiles > 0:
		c.Status = tapiov1.HealthCheckResponse_STATUS_DEGRADED
		c.Message = fmt.Sprintf("%d files of the directory %s were damaged and are set aside as *.corrupt, the log names them: "+
			"their records are missing; remove the files once you have looked at them", d.DamagedFiles, d.Path)
	}
	return c
}

func (i *info) eventReceiverHealth() *tapiov1.HealthCheckResponse_Component {
	c := &tapiov1.HealthCheckResponse_Component{Name: "event_receiver", Status: tapiov1.HealthCheckResponse_STATUS_SERVING}
	if i.Events.Receiver() == "" {
		// Reading works without one, so this is no fault of the server.
		c.Message = "no tapio receiver is in a pipeline: events cannot be written over gRPC, all else works"
	}
	return c
}
