// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package model

import "context"

// SpanRef names a span of a trace.
type SpanRef struct {
	TraceID TraceID
	SpanID  SpanID
	Flags   uint32
}

type spanRefKey struct{}

// ContextWithSpan returns a context for what is written under a span.
func ContextWithSpan(ctx context.Context, span SpanRef) context.Context {
	return context.WithValue(ctx, spanRefKey{}, span)
}

// SpanFromContext returns the span under which something is written, if there is one.
func SpanFromContext(ctx context.Context) (SpanRef, bool) {
	span, ok := ctx.Value(spanRefKey{}).(SpanRef)
	return span, ok
}
