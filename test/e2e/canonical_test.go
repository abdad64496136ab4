// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	logs "go.opentelemetry.io/proto/otlp/logs/v1"
	metrics "go.opentelemetry.io/proto/otlp/metrics/v1"
	trace "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// The functions below break telemetry into one text a record, each with its
// whole origin, in an order of its own: two lots are the same telemetry if and
// only if the texts are the same, however they were grouped.

func eventTexts(events []*tapiov1.Event) []string {
	var list []string
	for _, e := range events {
		e = proto.CloneOf(e)
		e.Id, e.Sequence = "", 0 // assigned by the store
		list = append(list, prototext.Format(e))
	}
	slices.Sort(list)
	return list
}

// requireSame compares two such lists and shows only what differs.
func requireSame(t *testing.T, want, got []string) {
	t.Helper()
	require.Empty(t, without(want, got), "missing")
	require.Empty(t, without(got, want), "not sent")
}

// without returns what is left of a list, one by one.
func without(list, taken []string) []string {
	rest := slices.Clone(list)
	for _, one := range taken {
		if i := slices.Index(rest, one); i >= 0 {
			rest = slices.Delete(rest, i, i+1)
		}
	}
	return rest
}

func logTexts(resources []*logs.ResourceLogs) []string {
	return eventTexts(eventsOf(resources))
}

// eventsOf puts each record together with its origin.
func eventsOf(resources []*logs.ResourceLogs) []*tapiov1.Event {
	var list []*tapiov1.Event
	for _, r := range resources {
		for _, s := range r.ScopeLogs {
			for _, record := range s.LogRecords {
				list = append(list, &tapiov1.Event{
					LogRecord: record,
					Resource:  r.Resource, ResourceSchemaUrl: r.SchemaUrl,
					Scope: s.Scope, ScopeSchemaUrl: s.SchemaUrl,
				})
			}
		}
	}
	return list
}

func spanTexts(resources []*trace.ResourceSpans) []string {
	var list []string
	for _, r := range resources {
		for _, s := range r.ScopeSpans {
			for _, span := range s.Spans {
				list = append(list, prototext.Format(&trace.ResourceSpans{
					Resource: r.Resource, SchemaUrl: r.SchemaUrl,
					ScopeSpans: []*trace.ScopeSpans{{Scope: s.Scope, SchemaUrl: s.SchemaUrl, Spans: []*trace.Span{span}}},
				}))
			}
		}
	}
	slices.Sort(list)
	return list
}

func pointTexts(resources []*metrics.ResourceMetrics) []string {
	var list []string
	for _, r := range resources {
		for _, s := range r.ScopeMetrics {
			for _, metric := range s.Metrics {
				for _, one := range splitMetric(metric) {
					list = append(list, prototext.Format(&metrics.ResourceMetrics{
						Resource: r.Resource, SchemaUrl: r.SchemaUrl,
						ScopeMetrics: []*metrics.ScopeMetrics{{Scope: s.Scope, SchemaUrl: s.SchemaUrl, Metrics: []*metrics.Metric{one}}},
					}))
				}
			}
		}
	}
	slices.Sort(list)
	return list
}

// splitMetric returns the metric once for each of its points, with that point
// alone, whatever the metric's type is.
func splitMetric(metric *metrics.Metric) []*metrics.Metric {
	var list []*metrics.Metric
	for i := range dataPoints(metric).Len() {
		one := proto.CloneOf(metric)
		points := dataPoints(one)
		points.Set(0, points.Get(i))
		points.Truncate(1)
		list = append(list, one)
	}
	return list
}

func dataPoints(metric *metrics.Metric) protoreflect.List {
	m := metric.ProtoReflect()
	data := m.Mutable(m.WhichOneof(m.Descriptor().Oneofs().ByName("data"))).Message()
	return data.Mutable(data.Descriptor().Fields().ByName("data_points")).List()
}

// fromJSON reads a message from JSON in which OTLP's trace and span ids are hex,
// as OTLP/JSON has them.
func fromJSON(t *testing.T, text []byte, m proto.Message) {
	t.Helper()
	var tree any
	require.NoError(t, json.Unmarshal(text, &tree), "%s", text)
	hexToBase64(t, tree, false)
	text, err := json.Marshal(tree)
	require.NoError(t, err)
	require.NoError(t, protojson.Unmarshal(text, m), "%s", text)
}

// hexToBase64 turns the ids inside OTLP records into what protojson reads;
// Tapio's own ids, outside, are strings.
func hexToBase64(t *testing.T, tree any, inRecord bool) {
	t.Helper()
	switch node := tree.(type) {
	case []any:
		for _, item := range node {
			hexToBase64(t, item, inRecord)
		}
	case map[string]any:
		for key, value := range node {
			text, isText := value.(string)
			if inRecord && isText && slices.Contains([]string{"traceId", "spanId", "parentSpanId"}, key) {
				raw, err := hex.DecodeString(text)
				require.NoError(t, err, "%s is not hex", key)
				node[key] = base64.StdEncoding.EncodeToString(raw)
				continue
			}
			hexToBase64(t, value, inRecord || slices.Contains([]string{"logRecord", "resourceSpans", "span", "exemplars"}, key))
		}
	}
}
