// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"errors"
	"net/http"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/panics"
)

var errPanicked = errors.New("the server failed on this request; its log has the details")

// Contained makes a handler one of this server: its requests end when the server
// stops, its panics are recovered and reported, its answers are compressed.
func (s *Server) Contained(next http.Handler, refuse Refuse) (http.Handler, error) {
	packed, err := compressed(next)
	if err != nil {
		return nil, err
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.calls.live.Err() != nil {
			refuse(w, http.StatusServiceUnavailable, plainError(errShuttingDown))
			return
		}
		ctx, cancel := s.calls.untilStop(r.Context())
		defer cancel(nil)
		if panicked := panics.Catch(func() { packed.ServeHTTP(w, r.WithContext(ctx)) }); panicked != nil {
			_ = s.panicError(r.URL.Path, panicked) // is logged; the answer names no cause
			refuse(w, http.StatusInternalServerError, errPanicked)
		}
	}), nil
}

// LatestFindings returns one page of findings, each in its latest revision.
func (s *Server) LatestFindings(ctx context.Context, query *model.FindingQuery) (model.Page[model.Finding], error) {
	return s.latestFindings(ctx, query)
}
