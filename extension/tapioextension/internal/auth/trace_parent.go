// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"context"
	"net/http"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc/metadata"

	"github.com/tapio/tapio/internal/model"
)

// A call may come with a traceparent (W3C Trace Context), over gRPC and over HTTP.
// The server's own spans continue it, where own traces are enabled; the instrumented
// servers of the collector do that. Here it is passed from the HTTP server to the
// inner one, and to the events that are written under it.

// relayParent is the header by which the gateway passes on what the client sent.
const relayParent = "tapio-traceparent-"

// relayTrace adds the span of the HTTP request, which the call becomes a child of,
// and what the client itself sent.
func (g *Guard) relayTrace(ctx context.Context, r *http.Request, md metadata.MD) {
	var format propagation.TraceContext
	format.Inject(ctx, headers(md))
	if parent := r.Header.Get("Traceparent"); parent != "" {
		md.Set(relayParent+g.relay, parent)
		if len(md.Get("traceparent")) == 0 {
			md.Set("traceparent", parent)
		}
	}
}

// withParent keeps the span under which the client writes.
func (g *Guard) withParent(ctx context.Context) context.Context {
	md, _ := metadata.FromIncomingContext(ctx)
	parent := md.Get(relayParent + g.relay)
	if len(parent) == 0 && len(md.Get(relayHost+g.relay)) == 0 { // not by way of the gateway
		parent = md.Get("traceparent")
	}
	if len(parent) != 1 {
		return ctx
	}
	var format propagation.TraceContext
	span := trace.SpanContextFromContext(format.Extract(context.Background(), propagation.MapCarrier{"traceparent": parent[0]}))
	if !span.IsValid() {
		return ctx
	}
	return model.ContextWithSpan(ctx, model.SpanRef{
		TraceID: model.TraceID(span.TraceID()), SpanID: model.SpanID(span.SpanID()), Flags: uint32(span.TraceFlags()),
	})
}

// headers are metadata as a carrier of trace contexts.
type headers metadata.MD

func (h headers) Get(key string) string {
	if values := metadata.MD(h).Get(key); len(values) > 0 {
		return values[0]
	}
	return ""
}

func (h headers) Set(key, value string) { metadata.MD(h).Set(key, value) }

func (h headers) Keys() []string {
	keys := make([]string, 0, len(h))
	for key := range h {
		keys = append(keys, key)
	}
	return keys
}
