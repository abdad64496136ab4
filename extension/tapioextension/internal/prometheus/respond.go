// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package prometheus

import (
	"encoding/json"
	"net/http"
)

// The types of errors, as Prometheus names them.
const (
	badData     = "bad_data"
	execution   = "execution"
	internal    = "internal"
	notFound    = "not_found"
	timedOut    = "timeout"
	canceled    = "canceled"
	clientGone  = 499 // the status of a request whose client went away
	contentType = "Content-Type"
)

// answer is the envelope of every answer.
type answer struct {
	Status    string `json:"status"`
	Data      any    `json:"data,omitempty"`
	ErrorType string `json:"errorType,omitempty"`
	Error     string `json:"error,omitempty"`
}

func respond(w http.ResponseWriter, data any) {
	write(w, http.StatusOK, answer{Status: "success", Data: data})
}

func respondError(w http.ResponseWriter, code int, kind string, err error) {
	write(w, code, answer{Status: "error", ErrorType: kind, Error: err.Error()})
}

// RespondError answers a request that is refused before it comes here, in the form that
// clients of Prometheus read.
func RespondError(w http.ResponseWriter, code int, err error) {
	kind := badData
	switch {
	case code == http.StatusServiceUnavailable:
		kind = "unavailable"
	case code == http.StatusTooManyRequests:
		kind = "too_many_requests"
	case code >= http.StatusInternalServerError:
		kind = internal
	}
	respondError(w, code, kind, err)
}

func write(w http.ResponseWriter, code int, a answer) {
	w.Header().Set(contentType, "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(a) // the client is gone if this fails
}
