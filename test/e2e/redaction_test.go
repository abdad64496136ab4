// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	logs "go.opentelemetry.io/proto/otlp/logs/v1"
	metrics "go.opentelemetry.io/proto/otlp/metrics/v1"
	trace "go.opentelemetry.io/proto/otlp/trace/v1"
)

// secrets are values that must not be stored, by what they are.
func secrets() map[string]string {
	return map[string]string{
		"email":            "jane.doe+shop@mail.example.co.uk",
		"bearer token":     "Bearer abcDEF123456.tail",
		"JSON web token":   "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln",
		"GitHub token":     "ghp_0123456789abcdefghijABCDEFGHIJ012345",
		"AWS key":          "AKIAIOSFODNN7EXAMPLE",
		"password":         `password="hunter2-secret"`,
		"Visa":             "4111 1111 1111 1111",
		"Mastercard":       "5500-0000-0000-0004",
		"American Express": "378282246310005",
	}
}

// The example configuration masks secrets wherever a record may hold them, and
// leaves the rest as it was.
func TestRedactionAtIngest(t *testing.T) {
	t.Parallel()
	config, _ := through(t, example(t, "redact-at-ingest.yaml"), "[redaction]")
	config = strings.Replace(config, "traces: {receivers: [otlp], processors: [redaction]", "traces: {receivers: [otlp], processors: [redaction, transform/redact]", 1)
	c := Start(t, config)
	for what, secret := range secrets() {
		around := "before " + secret + " after"
		inMap := &common.AnyValue{Value: &common.AnyValue_KvlistValue{KvlistValue: &common.KeyValueList{Values: []*common.KeyValue{
			text("outer", "kept"), {Key: "nested", Value: &common.AnyValue{Value: &common.AnyValue_ArrayValue{ArrayValue: &common.ArrayValue{
				Values: []*common.AnyValue{{Value: &common.AnyValue_StringValue{StringValue: around}}},
			}}}},
		}}}}
		now := nanos(time.Now())
		service := origin("service.name", "shop", "owner", around)
		request := lines("shop", 0, 0, "")
		request.ResourceLogs[0].Resource = service
		request.ResourceLogs[0].ScopeLogs[0].LogRecords = []*logs.LogRecord{
			{TimeUnixNano: now, Body: &common.AnyValue{Value: &common.AnyValue_StringValue{StringValue: around}}},
			{TimeUnixNano: now, Body: inMap},
			{TimeUnixNano: now, Attributes: []*common.KeyValue{text("note", around), {Key: "nested", Value: inMap}, text("http.request.header.authorization", "Basic c2VjcmV0OnNlY3JldA==")}},
		}
		sendGRPC(t, c, request)
		spans := spansOf("shop", 1, around)
		spans.ResourceSpans[0].Resource = service
		span := spans.ResourceSpans[0].ScopeSpans[0].Spans[0]
		span.Events = []*trace.Span_Event{{Name: "exception", Attributes: []*common.KeyValue{text("exception.message", around)}}}
		if what == "email" || what == "Visa" || what == "JSON web token" { // what the transform processor looks for
			span.Name, span.Status = "GET "+secret, &trace.Status{Message: around}
		}
		sendGRPC(t, c, spans)
		points := gauge("orders", time.Now(), 1)
		points.GetGauge().DataPoints[0].Attributes = []*common.KeyValue{text("user", around)}
		sendGRPC(t, c, metricsOf(service, points, &metrics.Metric{}))
	}
	for _, command := range [][]string{{"get", "logs"}, {"get", "traces"}, {"get", "metrics"}} {
		got := string(tapioctl(t, c, append(command, "--limit", "100", "-o", "json")...))
		for what, secret := range secrets() {
			require.NotContains(t, got, secret, "%s in %v", what, command)
			require.NotContains(t, got, strings.ReplaceAll(secret, `"`, `\"`), "%s in %v", what, command)
		}
		require.NotContains(t, got, "hunter2", command)
		require.NotContains(t, got, "c2VjcmV0OnNlY3JldA", command)
		require.Contains(t, got, "before ****", command)
		require.Contains(t, got, "**** after", command)
		require.Contains(t, got, `"shop"`, command)
	}
}

// Numbers that look like card numbers only at first sight stay: times, ids, ports.
func TestRedactionKeepsWhatIsNoSecret(t *testing.T) {
	t.Parallel()
	config, _ := through(t, example(t, "redact-at-ingest.yaml"), "[redaction]")
	c := Start(t, config)
	kept := []string{"1795893584281782358", "order 12345678", "10.0.0.1:8080", "user@", "4bf92f3577b34da6a3ce929d0e0e4736", "token bucket", "2026-11-28T21:08:00Z"}
	request := lines("shop", 0, 0, "")
	for _, body := range kept {
		request.ResourceLogs[0].ScopeLogs[0].LogRecords = append(request.ResourceLogs[0].ScopeLogs[0].LogRecords, &logs.LogRecord{
			TimeUnixNano: nanos(time.Now()), Body: &common.AnyValue{Value: &common.AnyValue_StringValue{StringValue: body}},
			Attributes: []*common.KeyValue{{Key: "at", Value: &common.AnyValue{Value: &common.AnyValue_IntValue{IntValue: 1795893584281782358}}}},
		})
	}
	sendGRPC(t, c, request)
	got := string(tapioctl(t, c, "get", "logs", "-o", "json"))
	for _, body := range kept {
		require.Contains(t, got, `"`+body+`"`)
	}
	require.NotContains(t, got, "****")
}
