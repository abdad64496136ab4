// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package archivetest runs an object store that is compatible with S3 for tests, with faults.
package archivetest

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
	"github.com/stretchr/testify/require"
)

// Bucket is the name of the bucket that the server has.
const Bucket = "telemetry"

// Server is an object store in memory.
type Server struct {
	*httptest.Server
	// Ranges and Wholes count how objects were read, Writes how many were written.
	Ranges, Wholes, Writes atomic.Int64

	fault atomic.Pointer[http.HandlerFunc]
}

// Serve starts an object store until the end of the test.
func Serve(t *testing.T) *Server {
	t.Helper()
	backend := s3mem.New()
	require.NoError(t, backend.CreateBucket(Bucket))
	s := &Server{}
	store := gofakes3.New(backend, gofakes3.WithLogger(gofakes3.DiscardLog())).Server()
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if fault := s.fault.Load(); fault != nil {
			(*fault)(w, r)
			return
		}
		s.count(r)
		store.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *Server) count(r *http.Request) {
	isObject := strings.Count(strings.Trim(r.URL.Path, "/"), "/") > 0
	switch {
	case isObject && r.Method == http.MethodPut:
		s.Writes.Add(1)
	case isObject && r.Method == http.MethodGet && r.Header.Get("Range") != "":
		s.Ranges.Add(1)
	case isObject && r.Method == http.MethodGet:
		s.Wholes.Add(1)
	}
}

// Fail has a handler answer all requests, nil for none.
func (s *Server) Fail(with http.HandlerFunc) {
	if with == nil {
		s.fault.Store(nil)
		return
	}
	s.fault.Store(&with)
}

// Unavailable answers 503, as S3 does when it is asked too often.
func Unavailable(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(http.StatusServiceUnavailable)
	fmt.Fprint(w, `<?xml version="1.0" encoding="UTF-8"?><Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>`)
}

// Hang answers nothing until the client gives up.
func Hang(_ http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body) // or the end of the connection is not noticed
	<-r.Context().Done()
}

// Cut promises more bytes than it sends, and ends the connection.
func Cut(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "1000")
	w.WriteHeader(http.StatusPartialContent)
	_, _ = w.Write([]byte("only this"))
	panic(http.ErrAbortHandler)
}
