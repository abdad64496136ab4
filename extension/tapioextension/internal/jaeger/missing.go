// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package jaeger

import (
	"context"

	"github.com/tapio/tapio/internal/query"
)

// missingSources describes the sources that are missing from an answer. Jaeger's API has
// no field for them: the legacy API returns them among its errors, and both as warnings of
// the first span of each trace, which Jaeger UI shows.
func missingSources(ctx context.Context) (list []string) {
	for _, note := range query.NotesIn(ctx) {
		list = append(list, "telemetry of "+note.Source+" may be missing: "+note.Message)
	}
	return list
}

// noteMissing adds what is missing to the errors of an answer.
func (r *response) noteMissing(ctx context.Context) {
	for _, text := range missingSources(ctx) {
		r.Errors = append(r.Errors, responseError{Msg: text})
	}
}

// warnMissing adds what is missing to the warnings of a trace.
func (t *uiTrace) warnMissing(missing []string) {
	if len(t.Spans) > 0 && len(missing) > 0 {
		t.Spans[0].Warnings = append(t.Spans[0].Warnings, missing...)
	}
}
