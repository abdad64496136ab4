// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package jaeger_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/tapio/tapio/extension/tapioextension/internal/jaeger"
	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/query"
)

// incomplete is a reader of which a source is missing.
type incomplete struct{ jaeger.Reader }

func (incomplete) note(ctx context.Context) {
	query.AddNote(ctx, query.Note{Source: "node-2:4417", State: query.SourceLate, Message: "did not answer in time"})
}

func (r incomplete) QueryTraces(ctx context.Context, _ model.TraceQuery) (model.Page[model.Trace], error) {
	r.note(ctx)
	span := model.Span{
		TraceID: model.TraceID{1}, SpanID: model.SpanID{2}, Name: "GET /", Start: 2, End: 1, // which warns, too
		Resource: &model.Resource{}, Scope: &model.Scope{},
	}
	return model.Page[model.Trace]{Rows: []model.Trace{{ID: span.TraceID, Spans: []model.Span{span}}}}, nil
}

func (r incomplete) ListServices(ctx context.Context, _ model.ServiceQuery) (model.List[model.Service], error) {
	r.note(ctx)
	return model.List[model.Service]{}, nil
}

func TestAnswersNameTheSourcesThatAreMissing(t *testing.T) {
	handler := jaeger.New(incomplete{}, time.Now)
	for path, times := range map[string]int{
		"/api/traces/01000000000000000000000000000000":    2, // as an error and as a warning
		"/api/traces?service=shop":                        2,
		"/api/services":                                   1,
		"/api/v3/traces/01000000000000000000000000000000": 1,
	} {
		t.Run(path, func(t *testing.T) {
			answer := httptest.NewRecorder()
			handler.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, path, nil))
			assert.Equal(t, http.StatusOK, answer.Code)
			body := answer.Body.String()
			assert.Equal(t, times, strings.Count(body, "telemetry of node-2:4417 may be missing: did not answer in time"), body)
			if strings.HasPrefix(path, "/api/v3") {
				assert.Equal(t, 1, strings.Count(body, "@jaeger@warnings"))
			}
		})
	}
}
