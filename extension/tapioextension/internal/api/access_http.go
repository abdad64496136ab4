// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"net/http"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/tapio/tapio/internal/query"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// Refuse answers a request that is refused, in the form that its client reads.
type Refuse func(w http.ResponseWriter, code int, err error)

// Writers lets those through that may write, for what is no call of the API.
func (s *Server) Writers(next http.Handler) http.Handler {
	return s.admitted(next, tapiov1.CollectorService_RegisterCollector_FullMethodName,
		func(w http.ResponseWriter, code int, err error) { http.Error(w, err.Error(), code) })
}

// Readers lets those through that may read, for APIs of other programs.
func (s *Server) Readers(next http.Handler, refuse Refuse) http.Handler {
	return s.admitted(sourced(next), tapiov1.ObservabilityService_GetMetrics_FullMethodName, refuse)
}

// admitted lets those through that may call a method, as often as they may.
func (s *Server) admitted(next http.Handler, method string, refuse Refuse) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		md := s.relayed(r.Context(), r)
		by, _ := relayedCaller(metadata.NewIncomingContext(r.Context(), md), s.relay)
		ctx := query.WithClient(context.WithValue(r.Context(), callerKey{}, by), by.client())
		if err := s.allow(ctx, method); err != nil {
			refuse(w, http.StatusForbidden, plainError(err))
			return
		}
		if err := s.admission.call(by); err != nil {
			refuse(w, http.StatusTooManyRequests, plainError(err))
			return
		}
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// plainError is an error without its gRPC code.
func plainError(err error) error {
	if st, ok := status.FromError(err); ok && st.Code() != codes.OK {
		return errorText(st.Message())
	}
	return err
}

type errorText string

func (e errorText) Error() string { return string(e) }
