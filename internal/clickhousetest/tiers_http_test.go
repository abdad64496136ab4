// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package clickhousetest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	collector "github.com/tapio/tapio/test/running"
)

// pathsOf are requests as the web UI (/v1), Grafana (Prometheus' API) and Jaeger UI send
// them, about what was sent.
func pathsOf(begin time.Time) []string {
	end := begin.Add(5 * time.Minute)
	span := fmt.Sprintf("start=%d&end=%d", begin.UnixMicro(), end.UnixMicro())
	times := url.Values{"filter.time_range.start": {begin.UTC().Format(time.RFC3339)}, "filter.time_range.end": {end.UTC().Format(time.RFC3339)}}.Encode()
	steps := fmt.Sprintf("start=%d&end=%d&step=5", begin.Unix(), begin.Add(time.Minute).Unix())
	return []string{
		"/v1/services?" + times, "/v1/operations?" + times, "/v1/services:graph?" + times, "/v1/labels?" + times, "/v1/logs?" + times,
		"/prometheus/api/v1/query_range?query=queue_length&" + steps,
		"/prometheus/api/v1/query_range?query=" + url.QueryEscape("sum by (service_name) (max_over_time(queue_length[10s]))") + "&" + steps,
		"/prometheus/api/v1/series?match[]=queue_length&" + steps,
		"/api/traces?service=shop&limit=30&" + span, "/api/traces?service=orders&operation=GET+%2Forders&" + span,
		"/api/traces/01010000000000000000000000000000?" + span,
	}
}

// httpAnswers returns the answers, without what the tables do not keep, as text.
func httpAnswers(ctx context.Context, t *testing.T, c *collector.Collector, begin time.Time, sources []string) map[string]string {
	t.Helper()
	answers := map[string]string{}
	for _, path := range pathsOf(begin) {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+c.HTTP+path, nil)
		require.NoError(t, err)
		response, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		body, err := io.ReadAll(response.Body)
		_ = response.Body.Close()
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, response.StatusCode, "%s: %s", path, body)
		var answer any
		require.NoError(t, json.Unmarshal(body, &answer), path)
		if fields := answer.(map[string]any); strings.HasPrefix(path, "/v1/") {
			require.Contains(t, fmt.Sprint(fields["sources"]), sources[0], path)
		} else {
			require.Contains(t, response.Header.Get("Tapio-Sources"), sources[0], path)
		}
		text, err := json.MarshalIndent(stableForm(answer), "", " ")
		require.NoError(t, err)
		answers[path] = string(text)
	}
	return answers
}

// notKept are the fields of answers that are not kept, or say where the answer is from.
var notKept = []string{"sources", "id", "sequence", "observedTimeUnixNano", "eventId"}

// stableForm leaves out what is not kept, and sorts lists, whose order among records of
// one moment is not defined.
func stableForm(value any) any {
	switch v := value.(type) {
	case map[string]any:
		for _, key := range notKept {
			delete(v, key)
		}
		for key := range v {
			v[key] = stableForm(v[key])
		}
	case []any:
		for i := range v {
			v[i] = stableForm(v[i])
		}
		slices.SortStableFunc(v, func(a, b any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	}
	return value
}
