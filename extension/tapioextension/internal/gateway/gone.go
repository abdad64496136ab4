// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"context"
	"net/http"
)

// untilGone ends a call when its client is gone, without an error of the gateway,
// which logs each with a stack.
func untilGone(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithCancel(r.Context())
		defer cancel()
		next.ServeHTTP(&clientWriter{ResponseWriter: w, gone: cancel}, r.WithContext(ctx))
	})
}

// clientWriter takes every answer, and calls gone when it cannot be delivered.
type clientWriter struct {
	http.ResponseWriter
	gone context.CancelFunc
}

// Unwrap is for http.ResponseController.
func (w *clientWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *clientWriter) Write(p []byte) (int, error) {
	if _, err := w.ResponseWriter.Write(p); err != nil {
		w.gone()
	}
	return len(p), nil
}

// Flush implements http.Flusher.
func (w *clientWriter) Flush() {
	if err := http.NewResponseController(w.ResponseWriter).Flush(); err != nil {
		w.gone()
	}
}
