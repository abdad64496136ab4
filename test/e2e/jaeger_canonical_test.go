// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// canonical parses an answer of Jaeger's API and brings what has no order, or no
// meaning, into one form: Jaeger answers in the order of its hash tables.
func canonical(t *testing.T, request string, body []byte) any {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(string(body)))
	decoder.UseNumber() // of integers that a float cannot hold
	var answer map[string]any
	require.NoError(t, decoder.Decode(&answer), "%s", body)
	plainFloats(answer)
	if result, ok := answer["result"].(map[string]any); ok {
		answer["result"] = flatSpans(result)
		return answer
	}
	for _, key := range []string{"data", "services", "operations"} {
		list, _ := answer[key].([]any)
		for _, item := range list {
			if trace, ok := item.(map[string]any); ok && trace["spans"] != nil {
				canonicalTrace(trace)
			}
		}
		sortJSON(list)
		if len(list) == 0 { // none, or an empty list
			delete(answer, key)
		}
	}
	if inOtherWords(request) {
		delete(answer, "errors")
	}
	return answer
}

// inOtherWords reports whether Tapio's error names the parameter, which Jaeger's
// does not.
func inOtherWords(request string) bool { return strings.HasSuffix(request, "limit=x") }

func sortJSON(list []any) {
	slices.SortFunc(list, func(a, b any) int { return cmp.Compare(jsonText(a), jsonText(b)) })
}

func jsonText(v any) string {
	text, _ := json.Marshal(v) // of what was JSON
	return string(text)
}

// canonicalTrace puts the process of each span in the place of its id.
func canonicalTrace(trace map[string]any) {
	processes, _ := trace["processes"].(map[string]any)
	spans, _ := trace["spans"].([]any)
	for _, item := range spans {
		span, _ := item.(map[string]any)
		id, _ := span["processID"].(string)
		span["processID"] = processes[id]
	}
	sortJSON(spans)
	delete(trace, "processes")
}

// flatSpans lists spans with their resource and scope, sorts attributes, and leaves
// out what is empty, as the newer encoder of OTLP does.
func flatSpans(result map[string]any) []any {
	var flat []any
	for _, resource := range listAt(result, "resourceSpans") {
		for _, scope := range listAt(resource, "scopeSpans") {
			for _, span := range listAt(scope, "spans") {
				flat = append(flat, map[string]any{
					"resource": pruned(resource["resource"]), "scope": pruned(scope["scope"]), "span": pruned(span),
				})
			}
		}
	}
	sortJSON(flat)
	return flat
}

func listAt(object map[string]any, key string) (list []map[string]any) {
	items, _ := object[key].([]any)
	for _, item := range items {
		one, _ := item.(map[string]any)
		list = append(list, one)
	}
	return list
}

func pruned(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for key, value := range v {
			if key == "value" { // of an attribute
				continue
			}
			if v[key] = pruned(value); isEmpty(v[key]) {
				delete(v, key)
			}
		}
	case []any:
		for i := range v {
			v[i] = pruned(v[i])
		}
		if len(v) > 0 {
			if one, ok := v[0].(map[string]any); ok && one["key"] != nil {
				sortJSON(v)
			}
		}
	}
	return v
}

func isEmpty(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case string:
		return v == ""
	case json.Number:
		return v == "0"
	case []any:
		return len(v) == 0
	case map[string]any:
		return len(v) == 0
	default:
		return false
	}
}

// plainFloats writes floating point numbers in one form: 1e-9 is 1e-09.
func plainFloats(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for key, value := range v {
			v[key] = plainFloats(value)
		}
	case []any:
		for i := range v {
			v[i] = plainFloats(v[i])
		}
	case json.Number:
		if number, err := v.Float64(); err == nil && strings.ContainsAny(v.String(), ".eE") {
			return number
		}
	}
	return v
}
