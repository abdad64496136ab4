// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package ingest

import (
	"context"
	"math"
	"net"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/tapio/tapio/extension/tapioextension/internal/auth"
	"github.com/tapio/tapio/internal/protoconv"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// The shares of the memory for writes at which senders are asked to go on
// differently.
const (
	busyLoad = 0.5
	fullLoad = 0.9
)

// The bounds of the flow control for busy senders.
const (
	leastInterval = 10 * time.Millisecond // though nothing was acknowledged lately
	leastBatch    = 100                   // below it the envelope costs more than the records
	pauseBatches  = 10                    // a pause is as long as so many acknowledgements take
	easedShare    = 0.8                   // of the rate, so that a full server catches up
)

// FlowControl is what a sender is asked to do: with room enough by its bounds alone;
// with half of the room taken by what a writer gets through now; and near its end
// to pause.
func (p *Events) FlowControl(ctx context.Context) *tapiov1.FlowControl {
	now := p.beat()
	flow := &tapiov1.FlowControl{MaxBatchRecords: protoconv.MaxBatchEvents, Compression: compressionFor(auth.CallerOf(ctx).Host)}
	if perSecond := p.Limits.BytesPerSecond; perSecond > 0 {
		flow.MaxRecordsPerSecond = coarse(perSecond / now.bytesPerRecord)
	}
	load := p.Admission.Load()
	if load < busyLoad {
		return flow
	}
	share := now.perWriter
	flow.Reason = "the server has more than half of limits::in_flight_size in hand"
	flow.Compression = tapiov1.Compression_COMPRESSION_UNSPECIFIED // unpacking costs what is scarce
	if load >= fullLoad {
		share *= easedShare
		flow.Pause = durationpb.New(coarseTime(pauseBatches * now.latency))
		flow.Reason = "the server has nearly all of limits::in_flight_size in hand"
	}
	flow.SendInterval = durationpb.New(coarseTime(now.latency))
	flow.MaxBatchRecords = p.batchFor(now.bytesPerRecord)
	if rate := coarse(share); rate > 0 && (flow.MaxRecordsPerSecond == 0 || rate < flow.MaxRecordsPerSecond) {
		flow.MaxRecordsPerSecond = rate
	}
	return flow
}

// batchFor is how many records a batch may have so that those of all that write
// now fit in half of the room, each twice: as it came and as it goes on.
func (p *Events) batchFor(bytesPerRecord float64) uint32 {
	writers := float64(max(p.Admission.Writers(), 1))
	room := busyLoad * float64(p.Limits.InFlightBytes) / writers / 2
	return uint32(min(max(coarse(room/bytesPerRecord), leastBatch), protoconv.MaxBatchEvents/10))
}

// coarse rounds down to one of four steps to each power of two, so that senders
// get new values when something has changed, and not with every batch.
func coarse(x float64) float64 {
	if x <= 0 || math.IsInf(x, 0) || math.IsNaN(x) {
		return 0
	}
	return math.Exp2(math.Floor(4*math.Log2(x)) / 4)
}

func coarseTime(d time.Duration) time.Duration {
	return time.Duration(coarse(float64(d))).Round(time.Millisecond)
}

// beat is the pulse now, with what is known from before where nothing was taken
// lately.
func (p *Events) beat() beat {
	now, figures := p.pulse.now(p.Now()), &p.figures
	if now.bytesPerRecord == 0 && figures.Accepted() > 0 {
		now.bytesPerRecord = float64(figures.Bytes()) / float64(figures.Accepted())
	}
	now.bytesPerRecord = max(now.bytesPerRecord, 1)
	now.latency = max(now.latency, leastInterval)
	return now
}

// compressionFor spares the network, which there is none of on one machine.
func compressionFor(host string) tapiov1.Compression {
	if ip := net.ParseIP(host); ip == nil || ip.IsLoopback() {
		return tapiov1.Compression_COMPRESSION_UNSPECIFIED
	}
	return tapiov1.Compression_COMPRESSION_ZSTD
}
