// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// OTLP/JSON as people write it by hand and as the specification's examples have
// it: integers as numbers, not texts; ids in capitals; doubles without a point.
func TestJSONAsTheSpecificationWritesIt(t *testing.T) {
	t.Parallel()
	c := Start(t, standard)
	const head = `"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"by.hand"}}]}`
	const scope = `"scope":{"name":"my.library","version":"1.0.0","attributes":[{"key":"my.scope","value":{"stringValue":"x"}}]}`
	for path, body := range map[string]string{
		"/v1/traces": `{"resourceSpans":[{` + head + `,"scopeSpans":[{` + scope + `,"spans":[{"traceId":"0AF7651916CD43DD8448EB211C80319C",
			"spanId":"B7AD6B7169203331","parentSpanId":"00F067AA0BA902B7","name":"by hand","kind":2,
			"startTimeUnixNano":1544712660000000000,"endTimeUnixNano":1544712661000000000}]}]}]}`,
		"/v1/metrics": `{"resourceMetrics":[{` + head + `,"scopeMetrics":[{` + scope + `,"metrics":[
			{"name":"my.counter","unit":"1","sum":{"aggregationTemporality":1,"isMonotonic":true,"dataPoints":[
				{"asDouble":5,"startTimeUnixNano":1544712660300000000,"timeUnixNano":1544712660300000001}]}},
			{"name":"my.integer","gauge":{"dataPoints":[{"asInt":9007199254740993,"timeUnixNano":1544712660300000000}]}},
			{"name":"my.histogram","histogram":{"aggregationTemporality":1,"dataPoints":[{"startTimeUnixNano":1544712660300000000,
				"timeUnixNano":1544712660300000001,"count":3,"sum":3,"bucketCounts":[1,2],"explicitBounds":[1],"min":1,"max":1}]}},
			{"name":"my.exponential","exponentialHistogram":{"aggregationTemporality":1,"dataPoints":[{"timeUnixNano":1544712660300000001,
				"count":3,"sum":10,"scale":0,"zeroCount":1,"positive":{"offset":1,"bucketCounts":[0,2]}}]}}]}]}]}`,
		"/v1/logs": `{"resourceLogs":[{` + head + `,"scopeLogs":[{` + scope + `,"logRecords":[{"timeUnixNano":1544712660300000000,
			"observedTimeUnixNano":1544712660300000000,"severityNumber":10,"severityText":"Information",
			"traceId":"0AF7651916CD43DD8448EB211C80319C","spanId":"B7AD6B7169203331","body":{"stringValue":"by hand"},"attributes":[
				{"key":"b","value":{"boolValue":true}},{"key":"i","value":{"intValue":10}},{"key":"d","value":{"doubleValue":637.704}},
				{"key":"a","value":{"arrayValue":{"values":[{"stringValue":"many"},{"stringValue":"values"}]}}},
				{"key":"m","value":{"kvlistValue":{"values":[{"key":"k","value":{"stringValue":"v"}}]}}}]}]}]}]}`,
	} {
		answer, err := http.Post("http://"+c.OTLPHTTP+path, "application/json", strings.NewReader(body))
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		require.Equal(t, http.StatusOK, answer.StatusCode, path)
	}
	logs := string(tapioctl(t, c, "get", "logs", "--service", "by.hand", "-o", "json"))
	for _, want := range []string{`"1544712660300000000"`, `"by hand"`, `"Information"`, `637.704`, `"many"`, `"k"`, `0af7651916cd43dd8448eb211c80319c`} {
		require.Contains(t, logs, want)
	}
	trace := string(tapioctl(t, c, "get", "trace", "0af7651916cd43dd8448eb211c80319c", "-o", "json"))
	require.Contains(t, strings.ToLower(trace), "b7ad6b7169203331")
	metrics := string(tapioctl(t, c, "get", "metrics", "--service", "by.hand", "-o", "json"))
	for _, want := range []string{`"my.counter"`, `"9007199254740993"`, `"my.histogram"`, `"my.exponential"`, `"my.scope"`} {
		require.Contains(t, metrics, want)
	}
}
