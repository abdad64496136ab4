// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/query"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
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

// A stream names its tiers once, when what was stored has been sent, and without those
// that failed.
func TestAStreamNamesItsTiersOnce(t *testing.T) {
	ctx, sources := query.WithSources(t.Context())
	query.AddSource(ctx, "memory")
	query.AddSource(ctx, "clickhouse")
	tiers := tiersOfStream{sources: sources}
	failed := []*tapiov1.SourceNote{{Source: "clickhouse", State: tapiov1.SourceNote_STATE_FAILED}}
	require.Empty(t, tiers.report(failed, true))
	require.Equal(t, []string{"memory"}, tiers.report(nil, false))
	require.Empty(t, tiers.report(nil, false))
}
