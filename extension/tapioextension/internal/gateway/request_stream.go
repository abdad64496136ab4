// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/tapio/tapio/extension/tapioextension/internal/admission"
	"github.com/tapio/tapio/internal/protoconv"
)

// streamsRequests reports whether the requests of a path are lines of messages.
func streamsRequests(path string) bool {
	switch path {
	case "/v1/events:stream", "/v1/collectors:stream", "/v1/collectors:heartbeat":
		return true
	default:
		return false
	}
}

// streamRequests serves the streams of requests. It ends one that could not be
// read to its end with a line that says why: the gateway itself only stops
// reading there.
func (g *Gateway) streamRequests(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !streamsRequests(r.URL.Path) {
			next.ServeHTTP(w, r)
			return
		}
		control := http.NewResponseController(w)
		body := &requestStream{
			body: r.Body, ctx: r.Context(), gateway: g, held: admission.NewLease(g.Bodies),
			interrupt: func() { _ = control.SetReadDeadline(time.Unix(1, 0)) },
		}
		// Answers must reach the client while it still writes. HTTP/2 does so
		// anyway, and says that it knows no such switch.
		_ = control.EnableFullDuplex()
		if r.ProtoMajor == 1 {
			w.Header().Set("Connection", "close") // the body may not have been read to its end
		}
		r.Body = body
		func() { //nolint:contextcheck // the request has the context
			defer body.end()
			next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), requestStreamKey{}, body)))
		}()
		if err := body.failure(); err != nil {
			failure := status.New(codes.InvalidArgument, err.Error()).Proto()
			line, _ := (&gatewayJSON{}).Marshal(map[string]any{"error": failure})
			_, _ = fmt.Fprintf(w, "%s\n", line) // the client is gone if this fails
		}
	})
}

type requestStreamKey struct{}

// requestStream is the body of a stream of requests. The gateway decodes it in a
// goroutine of its own, which may outlive the call: end waits for it, for the
// server panics when it reads the next request while a body is being read.
type requestStream struct {
	body      io.ReadCloser
	ctx       context.Context
	gateway   *Gateway
	interrupt func() // ends a read that waits, and with it the connection
	ended     atomic.Bool
	err       atomic.Pointer[error]

	reading sync.Mutex       // held while body is read; guards what follows
	read    int64            // bytes read of the body
	decoded int64            // bytes of it that were whole messages
	held    *admission.Lease // for the message that is being read or written
}

// Read implements io.Reader. It fails when a message gets too long, or the server
// has no memory left for it.
func (b *requestStream) Read(p []byte) (int, error) {
	b.reading.Lock()
	defer b.reading.Unlock()
	if b.ended.Load() {
		return 0, io.EOF
	}
	n, err := b.body.Read(p)
	b.read += int64(n)
	pending := b.read - b.decoded
	switch {
	case pending > int64(b.gateway.MaxBodyBytes)+bodyStep: // what is behind a message is read with it
		return 0, b.gateway.tooLong()
	case pending > bodyStep:
		if err := b.held.Grow(b.ctx, pending); err != nil {
			return 0, err
		}
	}
	return n, err
}

// Close implements io.Closer.
func (b *requestStream) Close() error { return b.body.Close() }

// end waits until nothing reads the body, and lets nothing read it any more.
func (b *requestStream) end() {
	b.ended.Store(true)
	if !b.reading.TryLock() {
		b.interrupt()
		b.reading.Lock()
	}
	defer b.reading.Unlock()
	b.held.Release()
}

// next decodes one message and makes room for it; the one before is answered.
func (b *requestStream) next(values *json.Decoder) (json.RawMessage, error) {
	b.reading.Lock()
	b.held.Release()
	b.decoded = values.InputOffset()
	b.reading.Unlock()
	var value json.RawMessage
	if err := values.Decode(&value); err != nil {
		return nil, err
	}
	if len(value) > b.gateway.MaxBodyBytes {
		return nil, b.gateway.tooLong()
	}
	b.reading.Lock()
	defer b.reading.Unlock()
	if b.ended.Load() {
		return nil, io.EOF
	}
	return value, b.gateway.makeRoomForJSON(b.ctx, value, b.held)
}

// fail keeps why the stream could not be decoded, and ends it. The gateway would
// log any other error with a stack, which a client could have as often as it likes.
func (b *requestStream) fail(err error) error {
	if !errors.Is(err, io.EOF) && !b.ended.Load() {
		b.err.CompareAndSwap(nil, &err)
	}
	return io.EOF
}

func (b *requestStream) failure() error {
	if err := b.err.Load(); err != nil {
		return *err
	}
	return nil
}

// decodeRequests reads one JSON value a message of a body.
func (j *gatewayJSON) decodeRequests(r io.Reader) func(v any) error {
	values := json.NewDecoder(r)
	stream, ok := r.(*requestStream)
	if !ok {
		return func(v any) error {
			var value json.RawMessage
			if err := values.Decode(&value); errors.Is(err, io.EOF) {
				return err // the end, not a fault
			} else if err != nil {
				return protoconv.JSONFault(err)
			}
			return j.Unmarshal(value, v)
		}
	}
	return func(v any) error {
		value, err := stream.next(values)
		if err == nil {
			err = j.Unmarshal(value, v)
		} else if !errors.Is(err, io.EOF) {
			err = protoconv.JSONFault(err)
		}
		if err != nil {
			return stream.fail(err)
		}
		return nil
	}
}

// endedStream is a call whose end is reported by its response, not by sending to
// it: the gateway would log that with a stack.
type endedStream struct {
	grpc.ClientStream
	body *requestStream
}

func (s endedStream) SendMsg(m any) error {
	if err := s.ClientStream.SendMsg(m); err != nil {
		s.body.ended.Store(true)
	}
	return nil
}
