// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package jaeger

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/tapio/tapio/internal/model"
)

// response is the envelope of every answer of the legacy API.
type response struct {
	Data   any             `json:"data"`
	Total  int             `json:"total"`
	Limit  int             `json:"limit"`
	Offset int             `json:"offset"`
	Errors []responseError `json:"errors"`
}

type responseError struct {
	Code    int    `json:"code,omitempty"`
	Msg     string `json:"msg"`
	TraceID string `json:"traceID,omitempty"`
}

type operation struct {
	Name     string `json:"name"`
	SpanKind string `json:"spanKind"`
}

type legacyFunc func(ctx context.Context, r *http.Request) (*response, error)

// legacy serves a method of the legacy API.
func (h *Handler) legacy(serve legacyFunc) http.Handler {
	return h.serve(refuseLegacy, func(ctx context.Context, r *http.Request) ([]byte, error) {
		answer, err := serve(ctx, r)
		if err != nil {
			return nil, err
		}
		answer.noteMissing(ctx)
		return encode(answer, r.FormValue("prettyPrint"))
	})
}

// serve answers a request with JSON, or with an error as the API words it.
func (h *Handler) serve(refuse func(http.ResponseWriter, error), answer func(context.Context, *http.Request) ([]byte, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, end, err := h.begin(r)
		if err != nil {
			refuse(w, err)
			return
		}
		defer end()
		text, err := answer(ctx, r) //nolint:contextcheck // begin derives it from that of the request
		if err != nil {
			refuse(w, err)
			return
		}
		writeJSON(w, http.StatusOK, text)
	})
}

func encode(v any, pretty string) ([]byte, error) {
	text, err := json.Marshal(v)
	if err != nil || pretty == "" || pretty == "false" {
		return text, err
	}
	var indented bytes.Buffer
	err = json.Indent(&indented, text, "", "    ")
	return indented.Bytes(), err
}

func refuseLegacy(w http.ResponseWriter, err error) {
	status := statusOf(err)
	text, _ := json.Marshal(&response{Errors: []responseError{{Code: status, Msg: err.Error()}}})
	explainStatus(w, status)
	writeJSON(w, status, text)
}

// Refuse answers a request that does not come to the handler.
func Refuse(w http.ResponseWriter, status int, err error) { refuseLegacy(w, &statusError{status, err}) }

func writeJSON(w http.ResponseWriter, status int, text []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(text) // the client is gone if this fails
}

func unknownPath(_ context.Context, r *http.Request) (*response, error) {
	return nil, &statusError{http.StatusNotFound, fmt.Errorf("unknown path %s: the Jaeger API has /api/services, "+
		"/api/services/{service}/operations, /api/operations, /api/traces, /api/traces/{traceID}, /api/dependencies and /api/v3/", r.URL.Path)}
}

func (h *Handler) services(ctx context.Context, _ *http.Request) (*response, error) {
	names, err := h.serviceNames(ctx)
	if err != nil {
		return nil, err
	}
	return &response{Data: names, Total: len(names)}, nil
}

// serviceOperations lists the names of all operations of a service, each once.
func (h *Handler) serviceOperations(ctx context.Context, r *http.Request) (*response, error) {
	found, err := h.operationsOf(ctx, r.PathValue("service"), "")
	if err != nil {
		return nil, err
	}
	var names []string
	seen := map[string]bool{}
	for _, one := range found {
		if !seen[one.Name] {
			seen[one.Name] = true
			names = append(names, one.Name)
		}
	}
	return &response{Data: names, Total: len(names)}, nil
}

func (h *Handler) operations(ctx context.Context, r *http.Request) (*response, error) {
	service := r.FormValue("service")
	if service == "" {
		return nil, badRequest(errServiceRequired)
	}
	found, err := h.operationsOf(ctx, service, r.FormValue("spanKind"))
	if err != nil {
		return nil, err
	}
	return &response{Data: found, Total: len(found)}, nil
}

func (h *Handler) search(ctx context.Context, r *http.Request) (*response, error) {
	query, err := h.parseSearch(r)
	if err != nil {
		return nil, badRequest(err)
	}
	if len(query.traceIDs) > 0 {
		return h.byIDs(ctx, query)
	}
	found, more, err := h.find(ctx, &query.search)
	if err != nil {
		return nil, err
	}
	answer := &response{Data: uiTraces(ctx, found, query.raw)}
	if more {
		answer.Errors = []responseError{{Msg: cutAnswer(len(found))}}
	}
	return answer, nil
}

// cutAnswer says that the limit was not what ended an answer.
func cutAnswer(n int) string {
	return fmt.Sprintf("the answer ends after %d traces, which are %d MiB: narrow the time range or the filter", n, answerBytes>>20)
}

// byIDs answers with the traces in the order of the ids, and an error for each that
// is not stored.
func (h *Handler) byIDs(ctx context.Context, query *legacyQuery) (*response, error) {
	traces := []*uiTrace{}
	answer := &response{}
	bytes := 0
	for i, id := range query.traceIDs {
		found, err := h.traceByID(ctx, id)
		if errors.Is(err, errTraceNotFound) {
			answer.Errors = append(answer.Errors, responseError{Msg: err.Error(), TraceID: traceIDText(id)})
			continue
		}
		if err != nil {
			return nil, err
		}
		for j := range found {
			bytes += found[j].Size()
		}
		if i > 0 && bytes > answerBytes {
			answer.Errors = append(answer.Errors, responseError{Msg: cutAnswer(len(traces))})
			break
		}
		traces = append(traces, uiTraceOf(ctx, found, query.raw))
	}
	answer.Data = traces
	return answer, nil
}

func uiTraceOf(ctx context.Context, spans []model.Span, raw bool) *uiTrace {
	trace := newUITrace(spans, raw)
	trace.warnMissing(missingSources(ctx))
	return trace
}

func uiTraces(ctx context.Context, found []model.Trace, raw bool) []*uiTrace {
	traces := make([]*uiTrace, len(found))
	for i := range found {
		traces[i] = uiTraceOf(ctx, found[i].Spans, raw)
	}
	return traces
}

func (h *Handler) trace(ctx context.Context, r *http.Request) (*response, error) {
	query, err := parseTrace(r)
	if err != nil {
		return nil, badRequest(err)
	}
	spans, err := h.traceByID(ctx, query.traceIDs[0])
	if err != nil {
		return nil, err
	}
	return &response{Data: []*uiTrace{uiTraceOf(ctx, spans, query.raw)}}, nil
}

// traceByID returns the spans of a trace, at least one.
func (h *Handler) traceByID(ctx context.Context, id model.TraceID) ([]model.Span, error) {
	if id.IsZero() {
		return nil, errTraceNotFound
	}
	page, err := h.reader.QueryTraces(ctx, model.TraceQuery{TraceIDs: []model.TraceID{id}, Paging: model.Paging{Limit: 1}})
	if err != nil {
		return nil, err
	}
	if len(page.Rows) == 0 || len(page.Rows[0].Spans) == 0 {
		return nil, errTraceNotFound
	}
	return page.Rows[0].Spans, nil
}
