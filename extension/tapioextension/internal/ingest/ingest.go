// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package ingest is the way of what clients write into the pipelines: batches of events and
// uploaded profiles, admitted, compared with those stored before, counted and acknowledged.
package ingest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/tapio/tapio/extension/tapioextension/internal/admission"
	"github.com/tapio/tapio/extension/tapioextension/internal/auth"
	"github.com/tapio/tapio/extension/tapioextension/internal/calls"
	"github.com/tapio/tapio/extension/tapioextension/internal/dedup"
	"github.com/tapio/tapio/extension/tapioextension/internal/fleet"
	"github.com/tapio/tapio/extension/tapioextension/internal/intake"
	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/protoconv"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// Observe is called with the size of a batch in records and how long it took.
type Observe func(records int, took time.Duration)

// Options is what the way of events needs. All fields but Shared and Observe are required.
type Options struct {
	Calls     *calls.Calls
	Admission *admission.Writes
	Limits    admission.Limits
	Seen      *dedup.Window
	// Shared are the batches that other servers stored too; nil: none are known.
	Shared                 dedup.Shared
	Intake                 *intake.Admission
	Fleet                  *fleet.Registry
	MaxReceiveMessageBytes int
	// Observe is called for each batch, for the collector's own metrics.
	Observe Observe
	Now     func() time.Time
}

// Events is the way from a client's write into the pipeline.
type Events struct {
	Options
	pulse       pulse
	figures     fleet.Figures
	transcoders sync.Pool // of *protoconv.Transcoder

	mu       sync.RWMutex // held for reading during a write, so that detach waits
	sink     model.EventSink
	attached string // the receiver's id; stays when it detaches
}

// NewEvents leads nowhere before Attach.
func NewEvents(options Options) *Events { return &Events{Options: options} }

var errNoReceiver = status.Error(codes.FailedPrecondition,
	"no tapio receiver feeds a pipeline: add `receivers: {tapio: {extension: tapio}}` "+
		"to the configuration and `tapio` to service::pipelines::logs::receivers")

// Attach makes sink the way into the pipeline until detach is called.
func (p *Events) Attach(receiver string, sink model.EventSink) (detach func(), err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.sink != nil {
		return nil, fmt.Errorf("takes its events through the receiver %q already: remove %q, or give it an extension of its own",
			p.attached, receiver)
	}
	p.sink, p.attached = sink, receiver
	return sync.OnceFunc(p.detach), nil
}

func (p *Events) detach() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sink = nil
}

// WriteEvents passes events that this program makes into the pipeline.
func (p *Events) WriteEvents(ctx context.Context, events []model.Event) error {
	p.mu.RLock()
	defer p.mu.RUnlock()
	if p.sink == nil {
		return calls.PlainError(errNoReceiver)
	}
	return p.sink.WriteEvents(ctx, events)
}

// Receiver returns the id of the attached receiver, "" for none.
func (p *Events) Receiver() string {
	p.mu.RLock()
	defer p.mu.RUnlock()
	if p.sink == nil {
		return ""
	}
	return p.attached
}

// outcome is what became of the records of a batch.
type outcome struct {
	records   int // in the batch
	accepted  int
	bytes     int                     // received, unpacked
	failures  []*tapiov1.EventFailure // of single records; the last may be of the batch
	duplicate bool
}

// Write passes a batch into the pipeline and acknowledges it. Faults of single
// events are in the acknowledgement; an error means that nothing was accepted.
func (p *Events) Write(ctx context.Context, in *protoconv.Inbound, field string) (*tapiov1.BatchAck, error) {
	arrived := p.Now()
	done, err := p.store(ctx, in, field)
	return p.settle(in, done, err, arrived)
}

// Answer is Write for streams: the refusal of a whole batch is in
// its acknowledgement, and the stream goes on. An error ends the stream.
func (p *Events) Answer(ctx context.Context, in *protoconv.Inbound, field string) (*tapiov1.BatchAck, error) {
	ack, err := p.Write(ctx, in, field)
	if err == nil || errors.Is(err, calls.ErrShuttingDown) || errors.Is(err, errNoReceiver) {
		return ack, err
	}
	rejected := uint64(0) // the records of a payload have not been counted
	if in.Events() > 0 {
		rejected = uint64(in.Events())
	} else {
		rejected++
	}
	ack = protoconv.Ack(in.Batch, 0, rejected, []*tapiov1.EventFailure{protoconv.BatchFailure(err)}, p.Now())
	if after := retryAfter(err); after > 0 {
		ack.RetryAfter = durationpb.New(after)
	}
	return ack, nil
}

// retryAfter is when what was refused may be sent again; 0: not at all, or at any
// time.
func retryAfter(err error) time.Duration {
	if busy, ok := errors.AsType[*admission.Error](err); ok {
		return busy.After
	}
	if refused, ok := errors.AsType[*intake.Error](err); ok {
		return refused.After
	}
	return 0
}

// store admits a batch, finds out whether it was stored before, and passes it
// into the pipeline.
func (p *Events) store(ctx context.Context, in *protoconv.Inbound, field string) (outcome, error) {
	if err := in.Check(field); err != nil {
		return outcome{}, err
	}
	leave, err := p.Admission.Enter(ctx, auth.CallerOf(ctx).String(), p.weight(in))
	if err != nil {
		return outcome{}, err
	}
	defer leave()
	if in.Batch.GetBatchId() == "" {
		return p.pass(ctx, in, field)
	}
	known, settle, err := p.Seen.EnterShared(ctx, p.Shared, p.keyOf(ctx, in)...)
	if err != nil {
		return outcome{}, err
	}
	if settle == nil {
		return outcome{
			records: int(known.Accepted + known.Rejected), accepted: int(known.Accepted), bytes: in.Size(), duplicate: true,
		}, nil
	}
	var stored *dedup.Outcome
	defer func() { settle(stored) }()
	done, err := p.pass(ctx, in, field)
	if err == nil && done.accepted > 0 {
		stored = &dedup.Outcome{Accepted: uint64(done.accepted), Rejected: uint64(done.records - done.accepted)}
	}
	return done, err
}

// weight is the memory that a batch takes on its way: its own bytes, and what
// its payload may unpack to.
func (p *Events) weight(in *protoconv.Inbound) int {
	if in.Batch.GetCompression() == tapiov1.Compression_COMPRESSION_UNSPECIFIED {
		return 2 * in.Size() // what came, and what goes on
	}
	return in.Size() + p.MaxReceiveMessageBytes
}

// keyOf names a batch. A sender that gives its name is taken at its word; of one
// that does not, only the same content from the same host is the same batch.
func (p *Events) keyOf(ctx context.Context, in *protoconv.Inbound) [][]byte {
	caller := auth.CallerOf(ctx)
	id := []byte(in.Batch.GetBatchId())
	if sender := in.Batch.GetCollectorId(); sender != "" {
		return [][]byte{[]byte(caller.Name), []byte(sender), id}
	}
	return [][]byte{[]byte(caller.Name), []byte(caller.Host), id, in.Content()}
}

// settle counts what became of a batch and acknowledges it. Of a batch that was
// refused before it was unpacked, the payload counts as one record.
func (p *Events) settle(in *protoconv.Inbound, done outcome, err error, arrived time.Time) (*tapiov1.BatchAck, error) {
	now := p.Now()
	counted := fleet.Write{Took: now.Sub(arrived), Bytes: max(done.bytes, in.Size()), Duplicate: done.duplicate}
	defer func() {
		p.figures.Add(counted)
		p.Fleet.Figures(in.Batch.GetCollectorId()).Add(counted)
		if p.Observe != nil {
			p.Observe(done.records, counted.Took)
		}
	}()
	if err != nil {
		counted.Rejected = map[string]uint64{rejectReason(err): uint64(max(in.Events(), 1))}
		return nil, err
	}
	counted.Accepted = uint64(done.accepted)
	if !done.duplicate { // which costs next to nothing
		p.pulse.add(now, done.accepted, counted.Bytes, counted.Took)
	}
	rejected := uint64(done.records - done.accepted)
	counted.Rejected = reasonsOf(done.failures, rejected)
	ack := protoconv.Ack(in.Batch, counted.Accepted, rejected, done.failures, now)
	ack.Duplicate = done.duplicate
	return ack, nil
}

// reasonsOf counts the refused records by reason.
func reasonsOf(failures []*tapiov1.EventFailure, left uint64) map[string]uint64 {
	if len(failures) == 0 {
		return nil
	}
	reasons := map[string]uint64{}
	for _, failure := range failures {
		n := uint64(1)
		if failure.GetIndex() < 0 {
			n = left // it is the last, and speaks for all that are left
		}
		reasons[codeReason(codes.Code(failure.GetCode()))] += n
		left -= n
	}
	return reasons
}

func rejectReason(err error) string {
	if busy, ok := errors.AsType[*admission.Error](err); ok {
		return busy.Reason
	}
	if refused, ok := errors.AsType[*intake.Error](err); ok {
		return refused.Reason
	}
	return codeReason(status.Code(protoconv.Status(err)))
}

func codeReason(code codes.Code) string {
	switch code {
	case codes.InvalidArgument:
		return "invalid"
	case codes.ResourceExhausted:
		return "too_large"
	case codes.FailedPrecondition:
		return "not_ready"
	default:
		return "pipeline"
	}
}

// Figures count what was written.
func (p *Events) Figures() *fleet.Figures { return &p.figures }
