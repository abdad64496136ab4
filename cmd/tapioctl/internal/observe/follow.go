// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package observe

import (
	"context"
	"errors"
	"io"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/tapio/tapio/cmd/tapioctl/internal/app"
	"github.com/tapio/tapio/cmd/tapioctl/internal/exitcode"
	"github.com/tapio/tapio/cmd/tapioctl/internal/render"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

const (
	firstRetryDelay = 500 * time.Millisecond
	maxRetryDelay   = 10 * time.Second
)

// follower follows a stream over cuts, without gap or repeat.
type follower struct {
	*app.App
	tapio   tapiov1.TapioServiceClient
	source  source
	printer render.Printer
	begin   beginning

	// attached: the server answered once; only then is a failure a cut.
	attached bool
	// position is the last sequence seen, if located.
	position uint64
	located  bool
	// store is when the server's store was made: sequences of another store
	// mean nothing.
	store proto.Message
}

// run follows until ctx ends, which is no error, or the server refuses.
func (f *follower) run(ctx context.Context) error {
	delay := firstRetryDelay
	for {
		progress, err := f.stream(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if !f.attached || !isCut(err) {
			return err
		}
		if progress {
			delay = firstRetryDelay
		}
		f.Out.Note("stream cut (%s); reconnecting in %v", render.OneLine(cutReason(err)), delay)
		if f.Sleep(ctx, delay) != nil {
			return nil
		}
		delay = min(2*delay, maxRetryDelay)
	}
}

// isCut distinguishes a stream that can be resumed from a refusal. The end of a
// live stream is a cut too: a server that stops ends its streams first.
func isCut(err error) bool {
	code := status.Code(err)
	return errors.Is(err, io.EOF) || code == codes.Unavailable || code == codes.DeadlineExceeded
}

func cutReason(err error) string {
	if errors.Is(err, io.EOF) {
		return "ended by the server"
	}
	return status.Convert(err).Message()
}

// stream follows one stream to its end, which is always an error; progress
// reports whether anything arrived.
func (f *follower) stream(ctx context.Context) (progress bool, err error) {
	// Ends the stream on the server when printing fails.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if err := f.locate(ctx); err != nil {
		return false, err
	}
	receive, err := f.source.open(ctx, f.start(), false)
	if err != nil {
		return false, err
	}
	for {
		b, err := receive()
		if err != nil {
			return progress, err
		}
		progress, f.attached = true, true
		f.advance(b)
		if err := f.printer.Print(b); err != nil {
			return progress, err
		}
		if err := f.Out.Flush(); err != nil {
			return progress, exitcode.WriteError(err)
		}
	}
}

// locate learns which store this is and, for a stream that begins with the next
// record, what sequence that means: a cut before the first record would else
// leave a gap. A server that does not report it is followed all the same.
func (f *follower) locate(ctx context.Context) error {
	info, err := app.Call(ctx, f.App, f.tapio.GetServiceInfo, &tapiov1.GetServiceInfoRequest{})
	if err != nil {
		if isCut(err) {
			return err
		}
		return nil
	}
	f.attached = true
	store := info.GetStoreStartTime()
	if f.store != nil && !proto.Equal(f.store, store) {
		f.Out.Note("the server has a new store; reading it from its beginning")
		f.position, f.located = 0, true
	}
	f.store = store
	if f.located || f.begin != (beginning{}) {
		return nil
	}
	for _, s := range info.GetStore() {
		if s.GetSignal() == f.source.signal {
			f.position, f.located = s.GetLastSequence(), true
		}
	}
	return nil
}

func (f *follower) start() *tapiov1.StreamStart {
	if f.located {
		return &tapiov1.StreamStart{Position: &tapiov1.StreamStart_AfterSequence{AfterSequence: f.position}}
	}
	return f.begin.start(f.Out.Now())
}

func (f *follower) advance(b render.Batch) {
	if last := max(b.Last, b.Loss.GetLastSequence()); last > 0 {
		f.position, f.located = max(f.position, last), true
	}
}
