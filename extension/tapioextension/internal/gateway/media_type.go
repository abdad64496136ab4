// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"fmt"
	"mime"
	"net/http"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// requireJSON refuses bodies of another media type with 415. The form types and
// text/plain are what a browser sends for any page without asking the server
// first.
func requireJSON(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.Method {
		case http.MethodPost, http.MethodPut, http.MethodPatch:
			if got := r.Header.Get("Content-Type"); !isJSON(got, streamsRequests(r.URL.Path)) {
				writeStatus(w, http.StatusUnsupportedMediaType, status.New(codes.InvalidArgument,
					fmt.Sprintf("Content-Type: must be application/json, is %q", got)))
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// isJSON accepts the names of JSON lines where the body is one message a line.
func isJSON(contentType string, lines bool) bool {
	switch media, _, _ := mime.ParseMediaType(contentType); media {
	case "application/json":
		return true
	case "application/x-ndjson", "application/jsonl":
		return lines
	default:
		return false
	}
}

// writeStatus answers a request that becomes no call.
func writeStatus(w http.ResponseWriter, code int, st *status.Status) {
	line, _ := (&gatewayJSON{}).Marshal(st.Proto())
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_, _ = fmt.Fprintf(w, "%s\n", line) //nolint:gosec // JSON, by its header; the client is gone if this fails
}
