// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package dial

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"google.golang.org/grpc"

	"github.com/tapio/tapio/cmd/tapioctl/internal/render"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// noted is an answer that reports about its sources.
type noted interface{ GetNotes() []*tapiov1.SourceNote }

// sourced is an answer that names the tiers that it was read from.
type sourced interface{ GetSources() []string }

// noteOptions make a connection report, on standard error, which tiers of the server
// answered, and what is missing from answers. Each report is written once.
func noteOptions(o *render.Output) []grpc.DialOption {
	w := &noteWriter{out: o, written: map[string]bool{}}
	return []grpc.DialOption{
		grpc.WithChainUnaryInterceptor(func(
			ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption,
		) error {
			err := invoke(ctx, method, req, reply, cc, opts...)
			w.write(reply)
			return err
		}),
		grpc.WithChainStreamInterceptor(func(
			ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, open grpc.Streamer, opts ...grpc.CallOption,
		) (grpc.ClientStream, error) {
			stream, err := open(ctx, desc, cc, method, opts...)
			return &notedStream{stream, w}, err
		}),
	}
}

// noteWriter writes notes.
type noteWriter struct {
	out     *render.Output
	mu      sync.Mutex
	written map[string]bool
}

func (w *noteWriter) write(answer any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if from, ok := answer.(sourced); ok && len(from.GetSources()) > 0 {
		w.once("read from " + strings.Join(from.GetSources(), " and "))
	}
	with, ok := answer.(noted)
	if !ok {
		return
	}
	for _, note := range with.GetNotes() {
		w.once(fmt.Sprintf("%s from %s: %s", missing(note.GetState()), note.GetSource(), note.GetMessage()))
	}
}

// once writes a line unless it was written before.
func (w *noteWriter) once(line string) {
	if !w.written[line] {
		w.written[line] = true
		w.out.Note("%s", line)
	}
}

// missing names what an answer lacks of a source.
func missing(state tapiov1.SourceNote_State) string {
	if state == tapiov1.SourceNote_STATE_INCOMPLETE {
		return "the answer lacks a part of the telemetry"
	}
	return "the answer lacks the telemetry"
}

// notedStream writes the notes of the messages of a stream.
type notedStream struct {
	grpc.ClientStream
	writer *noteWriter
}

// RecvMsg implements grpc.ClientStream.
func (s *notedStream) RecvMsg(message any) error {
	err := s.ClientStream.RecvMsg(message)
	if err == nil {
		s.writer.write(message)
	}
	return err
}
