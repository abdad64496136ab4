// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/tapio/tapio/extension/tapioextension/internal/admission"
)

const (
	// bodyTimeout is how long a client may take to send a body.
	bodyTimeout = time.Minute
	// bodyStep is how much of a body is read before there must be room for it.
	bodyStep = 64 << 10
	// maxDrain is how much is read of a body that is refused. Many clients read no
	// answer before they have sent all; one that sends more than this gets none.
	maxDrain = 32 << 20
)

// BoundBodies reads the body of a request before next works on it, and refuses one
// that is longer than a message of gRPC may be, counted without its compression.
// A body takes room, by what it may become once decoded, until it is answered.
// Streams of requests are bounded message by message, see requestStream.
func (g *Gateway) BoundBodies(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if streamsRequests(r.URL.Path) {
			next.ServeHTTP(w, r)
			return
		}
		if r.Method != http.MethodPost && r.Method != http.MethodPut && r.Method != http.MethodPatch {
			r.Body, r.ContentLength = http.NoBody, 0
			next.ServeHTTP(w, r)
			return
		}
		held := admission.NewLease(g.Bodies)
		defer held.Release()
		body, err := g.readBody(w, r, held)
		if err != nil {
			refuseBody(w, r, err)
			return
		}
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), leaseKey{}, held)))
	})
}

// leaseKey is where a request keeps the room for its body.
type leaseKey struct{}

// tooLongError refuses a body for its size.
type tooLongError struct{ why string }

func (e *tooLongError) Error() string { return e.why }

func (g *Gateway) tooLong() error {
	return &tooLongError{fmt.Sprintf("the body is longer than %d bytes, the most that a request may have without its compression: "+
		"send fewer records at once, or raise grpc::max_recv_msg_size_mib", g.MaxBodyBytes)}
}

// readBody reads the whole body and makes room for what becomes of it.
func (g *Gateway) readBody(w http.ResponseWriter, r *http.Request, held *admission.Lease) ([]byte, error) {
	if r.ContentLength > int64(g.MaxBodyBytes) {
		return nil, g.tooLong()
	}
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Now().Add(bodyTimeout)) // not every writer of a test can
	var body bytes.Buffer
	for {
		n, err := io.CopyN(&body, r.Body, bodyStep)
		switch {
		case body.Len() > g.MaxBodyBytes:
			return nil, g.tooLong()
		case errors.Is(err, io.EOF):
			_ = control.SetReadDeadline(time.Time{})
			return body.Bytes(), g.makeRoom(r, body.Bytes(), held)
		case err != nil:
			return nil, fmt.Errorf("the body could not be read: %w", err)
		}
		// The buffer doubles as it grows.
		if err := held.Grow(r.Context(), 2*int64(body.Len())+n); err != nil {
			return nil, err
		}
	}
}

func (g *Gateway) makeRoom(r *http.Request, body []byte, held *admission.Lease) error {
	if isJSON(r.Header.Get("Content-Type"), true) {
		return g.makeRoomForJSON(r.Context(), body, held)
	}
	return held.Grow(r.Context(), decodedSize*int64(len(body)))
}

// What a message of JSON may become: its text is copied while it is decoded and
// encoded for the call, and each value becomes a message of its own.
const (
	copiesOfText = 5
	valueBytes   = 100
	// decodedSize is that for bodies of other kinds, for each byte.
	decodedSize = 16
)

// makeRoomForJSON refuses a message of more values than there is ever room for.
func (g *Gateway) makeRoomForJSON(ctx context.Context, text []byte, held *admission.Lease) error {
	values := int64(countValues(text))
	if most := g.Bodies.Bytes() / valueBytes; values > most {
		return &tooLongError{fmt.Sprintf("the message has %d values, the most is %d (limits::in_flight_size: %d): send fewer records at once",
			values, most, g.Bodies.Bytes())}
	}
	return held.Grow(ctx, copiesOfText*int64(len(text))+valueBytes*values)
}

// countValues counts what may be a value of its own in a JSON text: what follows a
// bracket or a comma. The text need not be well formed.
func countValues(text []byte) int {
	n, quoted := 1, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\' && quoted:
			i++
		case c == '"':
			quoted = !quoted
		case !quoted && (c == ',' || c == '{' || c == '['):
			n++
		}
	}
	return n
}

func refuseBody(w http.ResponseWriter, r *http.Request, err error) {
	if n, _ := io.CopyN(io.Discard, r.Body, maxDrain); n == maxDrain {
		w.Header().Set("Connection", "close")
	}
	if busy, ok := errors.AsType[*admission.Error](err); ok {
		w.Header().Set("Retry-After", retrySeconds(busy.After))
		writeStatus(w, http.StatusTooManyRequests, busy.GRPCStatus())
		return
	}
	if _, long := errors.AsType[*tooLongError](err); long {
		writeStatus(w, http.StatusRequestEntityTooLarge, status.New(codes.ResourceExhausted, err.Error()))
		return
	}
	writeStatus(w, http.StatusBadRequest, status.New(codes.InvalidArgument, err.Error()))
}
