// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package intake

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"time"

	"github.com/tapio/tapio/internal/otlp"
)

// unknownWeight is how many bytes each byte of a request is taken for whose
// signal is not known.
const unknownWeight = 16

// What folded stacks take while they are read and stored: for each byte, frame and stack.
const (
	foldedByte  = 4
	foldedFrame = 128
	foldedStack = 768
)

// Admission weighs requests and holds room for them.
type Admission struct {
	room  *Room
	scale *otlp.Scale
	took  Took
}

// Took is called after each OTLP request, with the time from its first byte to its
// answer. The signal is logs, traces, metrics or profiles, the transport grpc or http.
type Took func(signal, transport string, took time.Duration)

// NewAdmission makes an Admission to the room.
func NewAdmission(room *Room, took Took) *Admission {
	return &Admission{room: room, scale: otlp.NewScale(), took: took}
}

// Room returns the room that is held.
func (a *Admission) Room() *Room { return a.room }

// Event holds room for an encoded Event.
func (a *Admission) Event(ctx context.Context, event []byte) (leave func(), err error) {
	return a.hold(ctx, event, a.scale.Event)
}

// Events holds room for an encoded EventBatch.
func (a *Admission) Events(ctx context.Context, batch []byte) (leave func(), err error) {
	return a.hold(ctx, batch, a.scale.Events)
}

// Logs holds room for an encoded ExportLogsServiceRequest.
func (a *Admission) Logs(ctx context.Context, request []byte) (leave func(), err error) {
	return a.hold(ctx, request, a.scale.Logs)
}

// Pprof holds room for a profile in pprof's format, not compressed.
func (a *Admission) Pprof(ctx context.Context, file []byte) (leave func(), err error) {
	return a.hold(ctx, file, a.scale.Pprof)
}

// Folded holds room for folded stacks.
func (a *Admission) Folded(ctx context.Context, text []byte) (leave func(), err error) {
	frames, stacks := bytes.Count(text, []byte{';'}), bytes.Count(text, []byte{'\n'})
	return a.room.Hold(ctx, foldedByte*len(text)+foldedFrame*frames+foldedStack*(stacks+1))
}

// hold leaves what is no protobuf to the decoder, which names the fault.
func (a *Admission) hold(ctx context.Context, request []byte, weigh func([]byte, int) (int, error)) (leave func(), err error) {
	weight, err := weigh(request, a.room.limit)
	if errors.Is(err, otlp.ErrTooDeep) {
		return nil, a.room.tooDeep(err)
	}
	return a.room.Hold(ctx, weight)
}

// export holds room for an export request in protobuf. The name of its message
// identifies the signal.
func (a *Admission) export(ctx context.Context, name string, request []byte) (leave func(), err error) {
	switch {
	case strings.Contains(name, "Logs"):
		return a.hold(ctx, request, a.scale.Logs)
	case strings.Contains(name, "Trace"):
		return a.hold(ctx, request, a.scale.Traces)
	case strings.Contains(name, "Metrics"):
		return a.hold(ctx, request, a.scale.Metrics)
	case strings.Contains(name, "Profiles"):
		return a.hold(ctx, request, a.scale.Profiles)
	default:
		return a.room.Hold(ctx, unknownWeight*len(request))
	}
}
