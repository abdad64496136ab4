// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"net/http"
	"strings"

	"github.com/tapio/tapio/internal/query"
)

// SourcesHeader names the tiers that took part in an answer whose format has no field
// for them.
const SourcesHeader = "Tapio-Sources"

// sourced adds the tiers that take part in an answer to its header.
func sourced(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, sources := query.WithSources(r.Context())
		next.ServeHTTP(&sourcedWriter{ResponseWriter: w, sources: sources}, r.WithContext(ctx))
	})
}

// sourcedWriter sets the header when the answer begins.
type sourcedWriter struct {
	http.ResponseWriter
	sources *query.Sources // nil once the answer began
}

func (w *sourcedWriter) begin() {
	if w.sources == nil {
		return
	}
	if list := w.sources.List(); len(list) > 0 {
		w.Header().Set(SourcesHeader, strings.Join(list, ", "))
	}
	w.sources = nil
}

// WriteHeader implements http.ResponseWriter.
func (w *sourcedWriter) WriteHeader(status int) {
	w.begin()
	w.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (w *sourcedWriter) Write(p []byte) (int, error) {
	w.begin()
	return w.ResponseWriter.Write(p)
}

// Flush implements http.Flusher.
func (w *sourcedWriter) Flush() {
	w.begin()
	_ = http.NewResponseController(w.ResponseWriter).Flush() // a writer that cannot flush sends at its end
}

// Unwrap returns the writer below, for http.ResponseController.
func (w *sourcedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
