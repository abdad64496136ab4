// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/tapio/tapio/extension/tapioextension/internal/dedup"
	"github.com/tapio/tapio/extension/tapioextension/internal/fleet"
	"github.com/tapio/tapio/extension/tapioextension/internal/intake"
	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/protoconv"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// ingest is the way from a client's write into the pipeline.
type ingest struct {
	figures     fleet.Figures
	transcoders sync.Pool // of *protoconv.Transcoder

	mu       sync.RWMutex // held for reading during a write, so that detach waits
	sink     model.EventSink
	attached string // the receiver's id; stays when it detaches
}

var errNoReceiver = status.Error(codes.FailedPrecondition,
	"no tapio receiver feeds a pipeline: add `receivers: {tapio: {extension: tapio}}` "+
		"to the configuration and `tapio` to service::pipelines::logs::receivers")

// Attach makes sink the way into the pipeline until detach is called.
func (s *Server) Attach(receiver string, sink model.EventSink) (detach func(), err error) {
	in := &s.ingest
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.sink != nil {
		return nil, fmt.Errorf("takes its events through the receiver %q already: remove %q, or give it an extension of its own",
			in.attached, receiver)
	}
	in.sink, in.attached = sink, receiver
	return sync.OnceFunc(in.detach), nil
}

func (in *ingest) detach() {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.sink = nil
}

// WriteEvents passes events that this program makes into the pipeline.
func (s *Server) WriteEvents(ctx context.Context, events []model.Event) error {
	in := &s.ingest
	in.mu.RLock()
	defer in.mu.RUnlock()
	if in.sink == nil {
		return plainError(errNoReceiver)
	}
	return in.sink.WriteEvents(ctx, events)
}

// receiver returns the id of the attached receiver, "" for none.
func (in *ingest) receiver() string {
	in.mu.RLock()
	defer in.mu.RUnlock()
	if in.sink == nil {
		return ""
	}
	return in.attached
}

// outcome is what became of the records of a batch.
type outcome struct {
	records   int // in the batch
	accepted  int
	bytes     int                     // received, unpacked
	failures  []*tapiov1.EventFailure // of single records; the last may be of the batch
	duplicate bool
}

// write passes a batch into the pipeline and acknowledges it. Faults of single
// events are in the acknowledgement; an error means that nothing was accepted.
func (s *Server) write(ctx context.Context, in *protoconv.Inbound, field string) (*tapiov1.BatchAck, error) {
	arrived := s.Now()
	done, err := s.store(ctx, in, field)
	return s.settle(in, done, err, arrived)
}

// answer is write for streams: a batch that is refused as a whole is reported in
// its acknowledgement, and the stream goes on. An error ends the stream.
func (s *Server) answer(ctx context.Context, in *protoconv.Inbound, field string) (*tapiov1.BatchAck, error) {
	ack, err := s.write(ctx, in, field)
	if err == nil || errors.Is(err, errShuttingDown) || errors.Is(err, errNoReceiver) {
		return ack, err
	}
	rejected := uint64(0) // the records of a payload have not been counted
	if in.Events() > 0 {
		rejected = uint64(in.Events())
	} else {
		rejected++
	}
	ack = protoconv.Ack(in.Batch, 0, rejected, []*tapiov1.EventFailure{protoconv.BatchFailure(err)}, s.Now())
	if after := retryAfter(err); after > 0 {
		ack.RetryAfter = durationpb.New(after)
	}
	return ack, nil
}

// retryAfter is when what was refused may be sent again; 0: not at all, or at any
// time.
func retryAfter(err error) time.Duration {
	if busy, ok := errors.AsType[*busyError](err); ok {
		return busy.after
	}
	if refused, ok := errors.AsType[*intake.Error](err); ok {
		return refused.After
	}
	return 0
}

// store admits a batch, finds out whether it was stored before, and passes it
// into the pipeline.
func (s *Server) store(ctx context.Context, in *protoconv.Inbound, field string) (outcome, error) {
	if err := in.Check(field); err != nil {
		return outcome{}, err
	}
	leave, err := s.admission.enter(ctx, callerOf(ctx), s.weight(in))
	if err != nil {
		return outcome{}, err
	}
	defer leave()
	if in.Batch.GetBatchId() == "" {
		return s.pass(ctx, in, field)
	}
	known, settle, err := s.Seen.EnterShared(ctx, s.Shared, s.keyOf(ctx, in)...)
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
	done, err := s.pass(ctx, in, field)
	if err == nil && done.accepted > 0 {
		stored = &dedup.Outcome{Accepted: uint64(done.accepted), Rejected: uint64(done.records - done.accepted)}
	}
	return done, err
}

// weight is the memory that a batch takes on its way: its own bytes, and what
// its payload may unpack to.
func (s *Server) weight(in *protoconv.Inbound) int {
	if in.Batch.GetCompression() == tapiov1.Compression_COMPRESSION_UNSPECIFIED {
		return 2 * in.Size() // what came, and what goes on
	}
	return in.Size() + s.MaxReceiveMessageBytes
}

// keyOf names a batch. A sender that gives its name is taken at its word; of one
// that does not, only the same content from the same host is the same batch.
func (s *Server) keyOf(ctx context.Context, in *protoconv.Inbound) [][]byte {
	caller := callerOf(ctx)
	id := []byte(in.Batch.GetBatchId())
	if sender := in.Batch.GetCollectorId(); sender != "" {
		return [][]byte{[]byte(caller.name), []byte(sender), id}
	}
	return [][]byte{[]byte(caller.name), []byte(caller.host), id, in.Content()}
}

// settle counts what became of a batch and acknowledges it. Of a batch that was
// refused before it was unpacked, the payload counts as one record.
func (s *Server) settle(in *protoconv.Inbound, done outcome, err error, arrived time.Time) (*tapiov1.BatchAck, error) {
	now := s.Now()
	counted := fleet.Write{Took: now.Sub(arrived), Bytes: max(done.bytes, in.Size()), Duplicate: done.duplicate}
	defer func() {
		s.ingest.figures.Add(counted)
		s.Fleet.Figures(in.Batch.GetCollectorId()).Add(counted)
		s.observeWrite(counted, done.records)
	}()
	if err != nil {
		counted.Rejected = map[string]uint64{rejectReason(err): uint64(max(in.Events(), 1))}
		return nil, err
	}
	counted.Accepted = uint64(done.accepted)
	if !done.duplicate { // which costs next to nothing
		s.pulse.add(now, done.accepted, counted.Bytes, counted.Took)
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
	if busy, ok := errors.AsType[*busyError](err); ok {
		return busy.reason
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
