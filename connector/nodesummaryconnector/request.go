// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package nodesummaryconnector

import (
	"cmp"
	"strconv"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tapio/tapio/internal/correlate/sampled"
	"github.com/tapio/tapio/internal/semconv"
)

// request is what is counted of a span: the metric of the semantic conventions that it belongs
// to, and its attributes.
type request struct {
	metric     string
	attributes []label
	stands     float32 // for how many spans it stands, as its sender has sampled
}

type label struct{ key, value string }

// requestOf reads the request that a span shows: one that a service answers or makes. Spans of
// work inside of a service are none.
func requestOf(span ptrace.Span) (request, bool) {
	client := span.Kind() == ptrace.SpanKindClient || span.Kind() == ptrace.SpanKindProducer
	if !client && span.Kind() != ptrace.SpanKindServer && span.Kind() != ptrace.SpanKindConsumer {
		return request{}, false
	}
	r := request{stands: sampled.Count(span.TraceState().AsRaw())}
	attributes := span.Attributes()
	switch {
	case first(attributes, semconv.HTTPRequestMethod, semconv.HTTPMethod) != "":
		r.http(attributes, client)
	case client && first(attributes, semconv.DBSystemName, semconv.DBSystem) != "":
		r.metric = semconv.MetricDBClientOperationDuration
		r.put(semconv.DBSystemName, first(attributes, semconv.DBSystemName, semconv.DBSystem))
		r.put(semconv.DBOperationName, cmp.Or(text(attributes, semconv.DBOperationName), bounded(span.Name())))
	case first(attributes, semconv.RPCMethod) != "":
		r.metric = ofKind(client, semconv.MetricRPCClientCallDuration, semconv.MetricRPCServerCallDuration)
		r.put(semconv.RPCService, text(attributes, semconv.RPCService))
		r.put(semconv.RPCMethod, text(attributes, semconv.RPCMethod))
		r.put(semconv.RPCGrpcStatusCode, text(attributes, semconv.RPCGrpcStatusCode))
	default:
		r.metric = semconv.MetricTracesSpanMetricsDuration
		r.put(spanKind, "SPAN_KIND_"+strings.ToUpper(span.Kind().String()))
		r.put(spanName, bounded(span.Name()))
	}
	r.ends(attributes, client)
	if span.Status().Code() == ptrace.StatusCodeError {
		r.put(semconv.ErrorType, cmp.Or(first(attributes, semconv.ErrorType, semconv.HTTPResponseStatusCode, semconv.HTTPStatusCode, semconv.RPCGrpcStatusCode), otherError))
	}
	return r, true
}

// The attributes of the span metrics connector for what the conventions have no metric of.
const (
	spanKind = "span.kind"
	spanName = "span.name"
)

// otherError is the value of error.type for an error without a name.
const otherError = "_OTHER"

func ofKind(client bool, ofClient, ofServer string) string {
	if client {
		return ofClient
	}
	return ofServer
}

func (r *request) http(attributes pcommon.Map, client bool) {
	r.metric = ofKind(client, semconv.MetricHTTPClientRequestDuration, semconv.MetricHTTPServerRequestDuration)
	r.put(semconv.HTTPRequestMethod, first(attributes, semconv.HTTPRequestMethod, semconv.HTTPMethod))
	r.put(semconv.HTTPRoute, text(attributes, semconv.HTTPRoute))
	r.put(semconv.URLTemplate, text(attributes, semconv.URLTemplate))
	if status, err := strconv.Atoi(first(attributes, semconv.HTTPResponseStatusCode, semconv.HTTPStatusCode)); err == nil && status >= 100 && status < 600 {
		r.put(semconv.HTTPResponseStatusCode, strconv.Itoa(status))
	}
}

// ends names the other end of a call, or where a server listens: the gateway joins the two by
// name or by address.
func (r *request) ends(attributes pcommon.Map, client bool) {
	address, port := semconv.NetworkLocalAddress, semconv.NetworkLocalPort
	if client {
		address, port = semconv.NetworkPeerAddress, semconv.NetworkPeerPort
		r.put(semconv.PeerService, text(attributes, semconv.PeerService))
		r.put(semconv.ServerAddress, first(attributes, semconv.ServerAddress, semconv.NetPeerName))
		r.put(semconv.ServerPort, text(attributes, semconv.ServerPort))
	}
	r.put(address, text(attributes, address))
	r.put(port, text(attributes, port))
}

func (r *request) put(key, value string) {
	if value != "" {
		r.attributes = append(r.attributes, label{key, value})
	}
}

// other is the request without the attributes of its operation.
func (r *request) other() request {
	kept := request{metric: r.metric, stands: r.stands}
	for _, a := range r.attributes {
		switch a.key {
		case spanKind, semconv.PeerService, semconv.ServerAddress, semconv.DBSystemName, semconv.ErrorType:
			kept.put(a.key, a.value)
		}
	}
	kept.put(semconv.OtelMetricOverflow, "true")
	return kept
}

func (r *request) appendKey(key []byte) []byte {
	key = append(append(key, r.metric...), 0)
	for _, a := range r.attributes {
		key = append(append(append(append(key, a.key...), '='), a.value...), 0)
	}
	return key
}

// write writes the attributes, numbers as such.
func (r *request) write(to pcommon.Map) {
	for _, a := range r.attributes {
		switch a.key {
		case semconv.HTTPResponseStatusCode, semconv.ServerPort, semconv.NetworkLocalPort, semconv.NetworkPeerPort:
			if n, err := strconv.ParseInt(a.value, 10, 64); err == nil {
				to.PutInt(a.key, n)
				continue
			}
		case semconv.OtelMetricOverflow:
			to.PutBool(a.key, true)
			continue
		}
		to.PutStr(a.key, a.value)
	}
}

func first(attributes pcommon.Map, keys ...string) string {
	for _, key := range keys {
		if value := text(attributes, key); value != "" {
			return value
		}
	}
	return ""
}
