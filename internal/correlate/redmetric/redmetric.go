// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package redmetric recognizes metrics that count requests, their failures and their durations (RED),
// by the names and attributes of OpenTelemetry's semantic conventions and of widely used libraries:
// Prometheus' client libraries, Micrometer, gRPC's middleware, the span metrics connector.
package redmetric

import (
	"slices"
	"strings"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/semconv"
)

// Kinds of the spans that a metric stands for, as OTLP numbers them.
const (
	Server int32 = 2
	Client int32 = 3
)

// Metric is how a series describes requests.
type Metric struct {
	Kind      int32
	Operation string // of a server: method and route, or as the metric names it
	Peer      string // that clients call, "" for none named
	Failed    bool
	Reports   bool    // whether requests failed
	Reason    string  // how they failed, "" if unknown
	Timed     bool    // how long requests took
	Seconds   float64 // of the metric's unit
	Messages  bool    // the requests are messages that a consumer processes
}

// Read returns how a series describes requests; found is false for series of anything else.
func Read(m *model.Metric, attributes model.Attributes) (r Metric, found bool) {
	timed, counts := distributes(m), Counts(m)
	if !timed && !counts {
		return Metric{}, false
	}
	r = Metric{Timed: timed, Seconds: secondsOf(m)}
	if r.Failed, r.Reports = outcome(attributes); counts && !r.Reports {
		return Metric{}, false
	}
	if r.Failed {
		r.Reason = reason(attributes)
	}
	name := plain(m.Name)
	if timed {
		r.Kind = kindOfDuration(name, attributes)
	} else {
		r.Kind = kindOfCount(name)
	}
	if r.Kind == 0 {
		return Metric{}, false
	}
	method := first(attributes, semconv.HTTPRequestMethod, semconv.HTTPMethod, "http_request_method", "http_method", "method")
	r.Operation = strings.TrimSpace(method + " " + first(attributes, semconv.HTTPRoute, semconv.RPCMethod, "span.name", "span_name", semconv.URLTemplate, semconv.DBOperationName,
		"http_route", "rpc_method", "grpc_method", "route", "handler", "uri", "path", "endpoint"))
	if topic := first(attributes, semconv.MessagingDestinationName, "messaging_destination_name"); topic != "" && strings.HasPrefix(name, "messaging.") {
		r.Operation, r.Messages = strings.TrimSpace("process "+topic), r.Kind == Server
	}
	r.Peer = first(attributes, semconv.PeerService, semconv.ServerAddress, semconv.NetPeerName, "peer_service", "server_address", "net_peer_name")
	if r.Peer == "" {
		r.Peer = first(attributes, semconv.DBSystemName, "db_system_name", semconv.MessagingDestinationName, "messaging_destination_name")
	}
	return r, true
}

// distributes reports whether a metric has durations. The total of an exponential
// histogram cannot be compared with the point before, whose scale may be another.
func distributes(m *model.Metric) bool {
	switch m.Type {
	case model.MetricHistogram, model.MetricSummary:
		return true
	case model.MetricExponentialHistogram:
		return m.Temporality == model.TemporalityDelta
	default:
		return false
	}
}

// MayCount reports whether series of a metric may describe requests: their attributes decide.
func MayCount(m *model.Metric) bool {
	name := plain(m.Name)
	return Counts(m) || distributes(m) && (kindOfDuration(name, nil) != 0 || ofSpans(name))
}

// Counts reports whether a metric may be a counter of requests. Each instance has one of its own.
func Counts(m *model.Metric) bool {
	return m.Type == model.MetricSum && m.Monotonic && kindOfCount(plain(m.Name)) != 0
}

// plain is the name of a metric as the semantic conventions write it, without the endings that
// Prometheus adds.
func plain(name string) string {
	name = strings.ToLower(strings.ReplaceAll(name, "_", "."))
	return strings.TrimSuffix(strings.TrimSuffix(name, ".total"), ".count")
}

func has(name string, words ...string) bool {
	return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(name, w) })
}

// ofCallers reports whether a name is of calls as who makes them sees them.
func ofCallers(name string) bool { return has(name, "client", "upstream", "outgoing", "outbound") }

// ofSomethingElse reports whether a name with the words of requests is about something other than requests and their results.
func ofSomethingElse(name string) bool {
	return has(name, "size", "bytes", "queue", "active", "inflight", "in.flight", "wait", "lock", "cache", "retry", "retries", "gc.", "cpu", "memory", "resource", "connection")
}

// kindOfDuration is the kind of the spans that a distribution counts, 0 for what is none of requests.
func kindOfDuration(name string, attributes model.Attributes) int32 {
	switch {
	case ofSpans(name):
		return kindOfSpan(first(attributes, "span.kind", "span_kind"))
	case strings.HasPrefix(name, semconv.MetricDBClientOperationDuration), strings.HasPrefix(name, "messaging.client.operation.duration"), strings.HasPrefix(name, "messaging.publish.duration"):
		return Client
	case strings.HasPrefix(name, "messaging.process.duration"):
		return Server
	case ofSomethingElse(name) || !has(name, "request", "response", "http.server", "http.client", "rpc", "handling"),
		!has(name, "duration", "latency", "seconds", "milliseconds", "handling", "response.time", "requests"):
		return 0
	case ofCallers(name):
		return Client
	}
	return Server
}

// ofSpans reports whether a distribution is one of the durations of spans.
func ofSpans(name string) bool {
	return name == "duration" || name == "latency" || strings.HasPrefix(name, "traces.span") || strings.HasPrefix(name, "span.metrics") || strings.HasPrefix(name, "spanmetrics")
}

func kindOfSpan(kind string) int32 {
	switch {
	case strings.HasSuffix(kind, "SERVER"), strings.HasSuffix(kind, "CONSUMER"):
		return Server
	case strings.HasSuffix(kind, "CLIENT"), strings.HasSuffix(kind, "PRODUCER"):
		return Client // without a callee it is of no use
	}
	return 0
}

// kindOfCount is the kind of the spans that a counter counts, 0 for what counts no requests.
func kindOfCount(name string) int32 {
	switch {
	case strings.HasPrefix(name, "tapio."), strings.HasPrefix(name, "otelcol."), ofSomethingElse(name):
		return 0
	case !has(name, "requests", "handled", "http.responses") && name != "response":
		return 0
	case ofCallers(name):
		return Client
	}
	return Server
}

// secondsOf is how many seconds the unit of a metric is.
func secondsOf(m *model.Metric) float64 {
	switch name := plain(m.Name); {
	case m.Unit == "ms", has(name, "milliseconds"), strings.HasSuffix(name, ".ms"):
		return 1e-3
	case m.Unit == "us", has(name, "microseconds"):
		return 1e-6
	case m.Unit == "ns", has(name, "nanoseconds"):
		return 1e-9
	}
	return 1
}

// first is the text of the first of these attributes that is set.
func first(attributes model.Attributes, keys ...string) string {
	for _, key := range keys {
		if v, found := attributes.Get(key); found {
			if text := v.Text(); text != "" {
				return text
			}
		}
	}
	return ""
}
