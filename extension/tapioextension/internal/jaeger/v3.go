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

	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/otlp"
)

// v3Func answers a request of API v3 with the text of a JSON object.
type v3Func func(ctx context.Context, r *http.Request) ([]byte, error)

// v3Error is the form of an error in API v3.
type v3Error struct {
	Error struct {
		HTTPCode int    `json:"httpCode"`
		Message  string `json:"message"`
	} `json:"error"`
}

// v3 serves a method of API v3.
func (h *Handler) v3(serve v3Func) http.Handler { return h.serve(refuseV3, serve) }

func refuseV3(w http.ResponseWriter, err error) {
	var body v3Error
	body.Error.HTTPCode, body.Error.Message = statusOf(err), err.Error()
	text, _ := json.Marshal(&body)
	explainStatus(w, body.Error.HTTPCode)
	writeJSON(w, body.Error.HTTPCode, text)
}

func unknownPathV3(_ context.Context, r *http.Request) ([]byte, error) {
	return nil, &statusError{http.StatusNotFound, fmt.Errorf("unknown path %s: API v3 has /api/v3/services, /api/v3/operations, "+
		"/api/v3/traces, /api/v3/traces/{traceID} and /api/v3/trace-summaries", r.URL.Path)}
}

func (h *Handler) servicesV3(ctx context.Context, _ *http.Request) ([]byte, error) {
	names, err := h.serviceNames(ctx)
	if err != nil {
		return nil, err
	}
	if names == nil {
		names = []string{}
	}
	return json.Marshal(map[string][]string{"services": names})
}

// operationV3 leaves out a kind that is unspecified, as JSON of protobuf does.
type operationV3 struct {
	Name     string `json:"name,omitempty"`
	SpanKind string `json:"spanKind,omitempty"`
}

func (h *Handler) operationsV3(ctx context.Context, r *http.Request) ([]byte, error) {
	kind, _ := parameter(r.URL.Query(), "spanKind", "span_kind")
	found, err := h.operationsOf(ctx, r.FormValue("service"), kind)
	if err != nil {
		return nil, err
	}
	list := make([]operationV3, len(found))
	for i, one := range found {
		list[i] = operationV3(one)
	}
	return json.Marshal(map[string][]operationV3{"operations": list})
}

var errNoTraces = &statusError{http.StatusNotFound, errors.New("No traces found")} //nolint:staticcheck // Jaeger's words

func (h *Handler) traceV3(ctx context.Context, r *http.Request) ([]byte, error) {
	id, raw, err := parseTraceV3(r)
	if err != nil {
		return nil, badRequest(err)
	}
	spans, err := h.traceByID(ctx, id)
	if errors.Is(err, errTraceNotFound) {
		return nil, errNoTraces
	}
	if err != nil {
		return nil, err
	}
	return tracesJSON(ctx, []model.Trace{{ID: id, Spans: spans}}, raw)
}

func (h *Handler) searchV3(ctx context.Context, r *http.Request) ([]byte, error) {
	found, raw, err := h.findV3(ctx, r)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, errNoTraces
	}
	return tracesJSON(ctx, found, raw)
}

func (h *Handler) findV3(ctx context.Context, r *http.Request) (found []model.Trace, raw bool, err error) {
	s, raw, err := parseSearchV3(r.URL.Query())
	if err != nil {
		return nil, false, badRequest(err)
	}
	found, _, err = h.find(ctx, s)
	return found, raw, err
}

// tracesJSON is the spans of the traces as OTLP/JSON, in the envelope of a stream.
func tracesJSON(ctx context.Context, traces []model.Trace, raw bool) ([]byte, error) {
	all, missing := ptrace.NewTraces(), missingSources(ctx)
	for i := range traces {
		otlp.TracesFromSpans(spansV3(traces[i].Spans, raw, missing)).ResourceSpans().MoveAndAppendTo(all.ResourceSpans())
	}
	text, err := (&ptrace.JSONMarshaler{}).MarshalTraces(all)
	if err != nil {
		return nil, err
	}
	return bytes.Join([][]byte{[]byte(`{"result":`), text, []byte(`}`)}, nil), nil
}
