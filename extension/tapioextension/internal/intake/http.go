// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package intake

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math"
	"mime"
	"net/http"
	"path"
	"strconv"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// firstRead is what is read of a request before room is held for it.
const firstRead = 32 << 10

const (
	jsonType  = "application/json"
	protoType = "application/x-protobuf"
)

// Handler makes an HTTP server of OTLP hold room for each request before it
// decodes it, until it is answered. It comes behind what decompresses requests.
func (a *Admission) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			next.ServeHTTP(w, r)
			return
		}
		if signal := signalNamed(path.Base(r.URL.Path)); signal != "" {
			defer func(began time.Time) { a.took(signal, "http", time.Since(began)) }(time.Now())
		}
		body, leave, err := a.read(r)
		leave() // what follows holds more, the body included
		if err != nil {
			refuse(w, r, err)
			return
		}
		leave, err = a.exportHTTP(r, body)
		if err != nil {
			refuse(w, r, err)
			return
		}
		defer leave()
		r.Body = io.NopCloser(bytes.NewReader(body))
		next.ServeHTTP(w, r)
	})
}

// read reads the body. Room is held for what has come, not for what is announced,
// so that a slow sender takes none for nothing.
func (a *Admission) read(r *http.Request) (body []byte, leave func(), err error) {
	var held []func()
	leave = func() {
		for _, leave := range held {
			leave()
		}
	}
	body = make([]byte, 0, firstRead)
	for {
		n, err := r.Body.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		if errors.Is(err, io.EOF) {
			return body, leave, nil
		}
		if err != nil {
			return nil, leave, err
		}
		if len(body) < cap(body) {
			continue
		}
		if 2*cap(body) > a.room.limit {
			return nil, leave, a.room.tooLarge()
		}
		more, err := a.room.Hold(r.Context(), cap(body))
		if err != nil {
			return nil, leave, err
		}
		held = append(held, more)
		body = append(make([]byte, 0, 2*cap(body)), body...)
	}
}

func (a *Admission) exportHTTP(r *http.Request, body []byte) (leave func(), err error) {
	if isJSON(r) {
		return a.room.Hold(r.Context(), a.scale.JSON(body))
	}
	name := map[string]string{"logs": "Logs", "traces": "Trace", "metrics": "Metrics", "profiles": "Profiles"}[path.Base(r.URL.Path)]
	return a.export(r.Context(), name, body)
}

func isJSON(r *http.Request) bool {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return err == nil && kind == jsonType
}

// refuse answers as OTLP wants it: with a google.rpc.Status in the encoding of the
// request.
func refuse(w http.ResponseWriter, r *http.Request, err error) {
	code, answer := http.StatusBadRequest, status.New(codes.InvalidArgument, err.Error())
	var tooLong *http.MaxBytesError
	var refused *Error
	switch {
	case errors.As(err, &tooLong):
		code = http.StatusRequestEntityTooLarge
	case errors.As(err, &refused):
		answer = refused.GRPCStatus()
		code = codeOf(refused)
		if refused.After > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(refused.After.Seconds()))))
		}
	case errors.Is(err, context.Canceled):
		return // the sender is gone
	}
	kind, encode := protoType, proto.Marshal
	if isJSON(r) {
		kind, encode = jsonType, protojson.Marshal
	}
	encoded, err := encode(answer.Proto())
	w.Header().Set("Content-Type", kind)
	w.WriteHeader(code)
	if err == nil {
		_, _ = w.Write(encoded) // a sender that is gone needs no answer
	}
}

func codeOf(e *Error) int {
	switch e.Reason {
	case TooLarge:
		return http.StatusRequestEntityTooLarge
	case Overload:
		return http.StatusServiceUnavailable
	default:
		return http.StatusBadRequest
	}
}
