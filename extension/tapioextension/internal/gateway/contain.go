// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"errors"
	"net/http"

	"github.com/tapio/tapio/extension/tapioextension/internal/calls"
	"github.com/tapio/tapio/internal/panics"
)

var errPanicked = errors.New("the server failed on this request; its log has the details")

// Contained makes a handler one of this server: its requests end when the server
// stops, its panics are recovered and reported, its answers are compressed.
func (g *Gateway) Contained(next http.Handler, refuse Refuse) (http.Handler, error) {
	packed, err := compressed(next)
	if err != nil {
		return nil, err
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if g.Calls.Ended() {
			refuse(w, http.StatusServiceUnavailable, calls.PlainError(calls.ErrShuttingDown))
			return
		}
		ctx, cancel := g.Calls.UntilStop(r.Context())
		defer cancel(nil)
		if panicked := panics.Catch(func() { packed.ServeHTTP(w, r.WithContext(ctx)) }); panicked != nil {
			_ = g.Calls.PanicError(r.URL.Path, panicked) // is reported; the answer names no cause
			refuse(w, http.StatusInternalServerError, errPanicked)
		}
	}), nil
}
