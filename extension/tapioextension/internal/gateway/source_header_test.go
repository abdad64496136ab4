// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/query"
)

// Answers in the formats of other programs name their tiers in the header.
func TestTheHeaderNamesTheTiers(t *testing.T) {
	handler := sourced(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/tiers" {
			query.AddSource(r.Context(), "memory")
			query.AddSource(r.Context(), "clickhouse")
		}
		_, _ = io.WriteString(w, "answer")
	}))
	for path, want := range map[string]string{"/tiers": "clickhouse, memory", "/none": ""} {
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, path, nil))
		require.Equal(t, want, answer.Header().Get(SourcesHeader))
		require.Equal(t, "answer", answer.Body.String())
	}
}
