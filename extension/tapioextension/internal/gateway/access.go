// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"net/http"

	"github.com/tapio/tapio/extension/tapioextension/internal/auth"
	"github.com/tapio/tapio/extension/tapioextension/internal/calls"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// Refuse answers a request that is refused, in the form that its client reads.
type Refuse func(w http.ResponseWriter, code int, err error)

// Writers lets those through that may write, for what is no call of the API.
func (g *Gateway) Writers(next http.Handler) http.Handler {
	return g.admitted(next, tapiov1.CollectorService_RegisterCollector_FullMethodName,
		func(w http.ResponseWriter, code int, err error) { http.Error(w, err.Error(), code) })
}

// Readers lets those through that may read, for APIs of other programs.
func (g *Gateway) Readers(next http.Handler, refuse Refuse) http.Handler {
	return g.admitted(sourced(next), tapiov1.ObservabilityService_GetMetrics_FullMethodName, refuse)
}

// admitted lets those through that may call a method, as often as they may.
func (g *Gateway) admitted(next http.Handler, method string, refuse Refuse) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		by := g.Calls.Guard.CallerOfRequest(r)
		ctx := auth.WithCaller(r.Context(), by)
		if err := g.Calls.Guard.Allow(ctx, method); err != nil {
			refuse(w, http.StatusForbidden, calls.PlainError(err))
			return
		}
		if err := g.Calls.Admission.Call(by.String()); err != nil {
			refuse(w, http.StatusTooManyRequests, calls.PlainError(err))
			return
		}
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}
