// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package protoconv

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	commonv1 "go.opentelemetry.io/proto/otlp/common/v1"
	metricsv1 "go.opentelemetry.io/proto/otlp/metrics/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/tapio/tapio/internal/model"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

func TestJSONMisfits(t *testing.T) {
	for name, tc := range map[string]struct{ text, field, mend string }{
		"time":              {`{"filter":{"timeRange":{"start":"yesterday"}}}`, "filter.timeRange.start", `an RFC 3339 time, for example 2026-01-02T15:04:05Z, got "yesterday"`},
		"time of 10 digits": {`{"filter":{"timeRange":{"end":"2026-01-02T15:04:05.1234567890Z"}}}`, "filter.timeRange.end", "RFC 3339"},
		"time in seconds":   {`{"filter":{"timeRange":{"end":1767366245}}}`, "filter.timeRange.end", "RFC 3339"},
		"time in parts":     {`{"filter":{"timeRange":{"end":{"seconds":1}}}}`, "filter.timeRange.end", "RFC 3339"},
		"odd time":          {`{"filter":{"timeRange":{"end":"\u0000\"\ud83d"}}}`, "filter.timeRange.end", "RFC 3339"},
		"duration":          {`{"filter":{"time_range":{"last":"1h"}}}`, "filter.time_range.last", `seconds with s, for example 3600s, got "1h"`},
		"duration number":   {`{"filter":{"timeRange":{"last":3600}}}`, "filter.timeRange.last", "for example 3600s, got 3600"},
		"enum":              {`{"filter":{"severities":["SEVERITY_INFO","ERROR"]}}`, "filter.severities[1]", "one of SEVERITY_UNSPECIFIED, SEVERITY_TRACE, SEVERITY_DEBUG"},
		"enum bool":         {`{"filter":{"minSeverity":true}}`, "filter.minSeverity", "got true"},
		"list":              {`{"filter":{"services":"shop"}}`, "filter.services", `a list in brackets, got "shop"`},
		"list of lists":     {`{"filter":{"services":[["shop"]]}}`, "filter.services[0]", "a string in quotes, got a list"},
		"no list":           {`{"filter":{"text":["x"]}}`, "filter.text", "a string in quotes, got a list"},
		"object for list":   {`{"filter":{"labelSelectors":{"key":"a"}}}`, "filter.labelSelectors", "a list in brackets, got an object"},
		"list for object":   {`{"filter":[]}`, "filter", "an object in braces, got a list"},
		"text for object":   {`{"filter":"shop"}`, "filter", `an object in braces, got "shop"`},
		"number for text":   {`{"filter":{"text":5}}`, "filter.text", "a string in quotes, got 5"},
		"text for number":   {`{"filter":{"limit":"many"}}`, "filter.limit", `a whole number of 0 to 4294967295, got "many"`},
		"negative":          {`{"filter":{"limit":-1}}`, "filter.limit", "0 to 4294967295"},
		"fraction":          {`{"filter":{"limit":1.5}}`, "filter.limit", "whole number"},
		"too large":         {`{"filter":{"limit":4294967296}}`, "filter.limit", "0 to 4294967295"},
		"text for bool":     {`{"filter":{"invert":"yes"}}`, "filter.invert", `true or false, got "yes"`},
		"long text":         {`{"filter":{"invert":"` + strings.Repeat("x", 200) + `"}}`, "filter.invert", `"` + strings.Repeat("x", 64) + `"`},
		"root":              {`[]`, "body", "an object in braces, got a list"},
		"root text":         {`"x"`, "body", "an object in braces"},
		"empty":             {``, "body", "cut short"},
		"cut":               {`{"filter":{"text":"x"`, "filter", "cut short"},
		"cut text":          {`{"filter":{"text":"x`, "filter.text", "cut short"},
		"syntax":            {`{"filter":{"limit":1,,}}`, "filter", "is not JSON at byte 2"},
		"more":              {`{} {}`, "body", "send one value"},
		"twice":             {`{"filter":{},"filter":{}}`, "body", `does not fit tapio.v1.GetEventsRequest: duplicate field "filter"`},
		"utf8":              {"{\"filter\":{\"text\":\"\xff\"}}", "body", "UTF-8"},
	} {
		t.Run(name, func(t *testing.T) {
			requireFault(t, JSON{}.Unmarshal([]byte(tc.text), &tapiov1.GetEventsRequest{}), tc.field, tc.mend)
		})
	}
	err := JSON{}.Unmarshal([]byte(`{"labels":{"a":1}}`), &tapiov1.MetricSeries{})
	requireFault(t, err, "labels.a", "a string in quotes, got 1")
	err = JSON{}.Unmarshal([]byte(`{"labels":"a"}`), &tapiov1.MetricSeries{})
	requireFault(t, err, "labels", "an object in braces")
	err = JSON{}.Unmarshal([]byte(`{"intValue":"9223372036854775808000"}`), &commonv1.AnyValue{})
	requireFault(t, err, "intValue", "a whole number of 64 bits")
	err = JSON{}.Unmarshal([]byte(`{"doubleValue":"much"}`), &commonv1.AnyValue{})
	requireFault(t, err, "doubleValue", "a number")
}

// The check before protojson must refuse nothing that protojson takes.
func TestJSONTakesAllFormsOfProtojson(t *testing.T) {
	for text, message := range map[string]proto.Message{
		`{"filter":null}`: &tapiov1.GetEventsRequest{},
		`{"filter":{"limit":1e3,"severities":["SEVERITY_WARN",17],"minSeverity":2,"invert":true,"services":null}}`: &tapiov1.GetEventsRequest{},
		`{"filter":{"limit":"5.0","timeRange":{"start":"2026-01-02T15:04:05.123456789+02:00"}}}`:                   &tapiov1.GetEventsRequest{},
		`{"filter":{"timeRange":{"last":"0.5s"}}}`:                                                                 &tapiov1.GetEventsRequest{},
		`{"intValue":"-9223372036854775808"}`:                                                                      &commonv1.AnyValue{},
		`{"doubleValue":"-Infinity"}`:                                                                              &commonv1.AnyValue{},
		`{"bytesValue":"_-8"}`:                                                                                     &commonv1.AnyValue{},
		`{"timeUnixNano":18446744073709551615,"asInt":"-1","flags":1.0}`:                                           &metricsv1.NumberDataPoint{},
		`{"scale":-2147483648,"zeroThreshold":5,"count":"1e2","sum":"7"}`:                                          &metricsv1.ExponentialHistogramDataPoint{},
		`{"bucketCounts":["18446744073709551615",0],"explicitBounds":[]}`:                                          &metricsv1.HistogramDataPoint{},
	} {
		t.Run(text, func(t *testing.T) {
			want := message.ProtoReflect().New().Interface()
			require.NoError(t, protojson.Unmarshal([]byte(text), want))
			require.NoError(t, JSON{}.Unmarshal([]byte(text), message))
			requireSame(t, want, message)
		})
	}
}

func TestJSONFault(t *testing.T) {
	require.NoError(t, JSONFault(nil))
	for text, mend := range map[string]string{`{"event":`: "cut short", `{"event"}`: "is not JSON at byte"} {
		var value json.RawMessage
		err := json.NewDecoder(strings.NewReader(text)).Decode(&value)
		requireFault(t, JSONFault(err), "body", mend)
	}
	assert.ErrorIs(t, JSONFault(assert.AnError), assert.AnError)
}

// The same for foreign text, with a message that has no ids.
func FuzzJSONTakesWhatProtojsonTakes(f *testing.F) {
	f.Add([]byte(`{"filter":{"limit":1e3,"severities":["SEVERITY_WARN",17],"labelSelectors":[{"key":"a","values":["b"]}]}}`))
	f.Add([]byte(`{"filter":{"timeRange":{"last":"0.5s","start":"2026-01-02T15:04:05.1+02:00"},"invert":null}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		if !json.Valid(text) {
			t.Skip("protojson takes a few texts that are no JSON, such as 1e")
		}
		var want, got tapiov1.GetEventsRequest
		if err := protojson.Unmarshal(text, &want); err != nil {
			var fault *model.FieldError
			if err := (JSON{}).Unmarshal(text, &got); err != nil {
				require.ErrorAs(t, err, &fault)
				require.NotEmpty(t, fault.Field)
			}
			return
		}
		require.NoError(t, JSON{}.Unmarshal(text, &got))
		requireSame(t, &want, &got)
	})
}
