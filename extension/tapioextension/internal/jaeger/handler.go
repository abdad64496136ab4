// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package jaeger answers Jaeger's HTTP query API from stored spans: the legacy API
// of Jaeger UI and Grafana under /api/, and API v3 under /api/v3/. The JSON is that
// of Jaeger itself, see internal/jaegerquery.
package jaeger

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/query"
)

// Path is below which the API is served.
const Path = "/api/"

// Reader answers queries about stored spans, see query.Reader.
type Reader interface {
	QueryTraces(ctx context.Context, q model.TraceQuery) (model.Page[model.Trace], error)
	ListServices(ctx context.Context, q model.ServiceQuery) (model.List[model.Service], error)
	ListOperations(ctx context.Context, q model.OperationQuery) (model.List[model.Operation], error)
	CountCalls(ctx context.Context, times model.TimeRange) (model.CallCounts, error)
}

// The bounds of a query.
const (
	// answerBytes is the size of the spans of one answer, as model.Span.Size has it.
	answerBytes = 16 << 20
	// maxQueries is how many queries are answered at once.
	maxQueries = 4
	// queryWait is how long a query waits for its turn.
	queryWait = 2 * time.Second
	// queryTimeout is how long a query may take.
	queryTimeout = 30 * time.Second
	maxLimit     = 10_000
	maxTraceIDs  = 1_000
)

// Handler serves the API.
type Handler struct {
	reader Reader
	now    func() time.Time
	turns  *query.Turns
	mux    *http.ServeMux
}

// New makes the handler.
func New(reader Reader, now func() time.Time) *Handler {
	h := &Handler{reader: reader, now: now, turns: NewTurns(), mux: http.NewServeMux()}
	for path, serve := range map[string]legacyFunc{
		"/api/services":                      h.services,
		"/api/services/{service}/operations": h.serviceOperations,
		"/api/operations":                    h.operations,
		"/api/traces":                        h.search,
		"/api/traces/{traceID}":              h.trace,
		"/api/dependencies":                  h.dependencies,
		"/api/":                              unknownPath,
	} {
		h.mux.Handle(path, h.legacy(serve))
	}
	for path, serve := range map[string]v3Func{
		"/api/v3/services":         h.servicesV3,
		"/api/v3/operations":       h.operationsV3,
		"/api/v3/traces":           h.searchV3,
		"/api/v3/traces/{traceID}": h.traceV3,
		"/api/v3/trace-summaries":  h.summariesV3,
		"/api/v3/":                 unknownPathV3,
	} {
		h.mux.Handle(path, h.v3(serve))
	}
	return h
}

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) { h.mux.ServeHTTP(w, r) }

// statusError is an error with the HTTP status that it is answered with.
type statusError struct {
	status int
	err    error
}

func (e *statusError) Error() string { return e.err.Error() }

func (e *statusError) Unwrap() error { return e.err }

func badRequest(err error) error { return &statusError{http.StatusBadRequest, err} }

var (
	errTraceNotFound = &statusError{http.StatusNotFound, errors.New("trace not found")}
	errBusy          = &statusError{http.StatusTooManyRequests, errors.New("the server answers as many Jaeger queries as it may at once: try again in a second")}
	errMethod        = &statusError{http.StatusMethodNotAllowed, errors.New("method not allowed: use GET")}
)

// NewTurns makes the turns of queries.
func NewTurns() *query.Turns { return query.NewTurns(maxQueries, query.ShareOf(maxQueries), 0) }

// WithTurns sets the turns of queries.
func (h *Handler) WithTurns(turns *query.Turns) *Handler {
	h.turns = turns
	return h
}

// statusOf is the status that an error is answered with.
func statusOf(err error) int {
	if known, ok := errors.AsType[*statusError](err); ok {
		return known.status
	}
	if _, ok := errors.AsType[*model.FieldError](err); ok {
		return http.StatusBadRequest
	}
	if _, ok := errors.AsType[*model.ExhaustedError](err); ok {
		return http.StatusTooManyRequests
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return http.StatusGatewayTimeout
	}
	return http.StatusInternalServerError
}

// begin waits for the turn of a query, which end gives back.
func (h *Handler) begin(r *http.Request) (ctx context.Context, end func(), err error) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return nil, nil, errMethod
	}
	waiting, cancelWait := context.WithTimeout(r.Context(), queryWait)
	defer cancelWait()
	if err := h.turns.Enter(waiting); err != nil {
		return nil, nil, errBusy
	}
	ctx, cancel := context.WithTimeout(r.Context(), queryTimeout)
	ctx, _ = query.WithNotes(ctx)
	return ctx, func() {
		cancel()
		h.turns.Leave(ctx)
	}, nil
}

// explainStatus adds the headers that go with a status.
func explainStatus(w http.ResponseWriter, status int) {
	switch status {
	case http.StatusTooManyRequests:
		w.Header().Set("Retry-After", "1")
	case http.StatusMethodNotAllowed:
		w.Header().Set("Allow", "GET, HEAD")
	}
}
