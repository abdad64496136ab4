// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A query that would take more than its share of store::query_memory fails in Prometheus'
// words, is counted, gives its memory back and leaves others alone.
func TestAPromQLQueryBeyondItsMemoryFailsAlone(t *testing.T) {
	t.Parallel()
	c := Start(t, standard, "--set=extensions::tapio::store::query_memory=8MiB")
	var points []string
	now := time.Now()
	for i := range 3000 {
		points = append(points, fmt.Sprintf(`{"timeUnixNano":"%d","asInt":"%d","attributes":[{"key":"n","value":{"stringValue":"%d"}}]}`, now.UnixNano(), i, i))
	}
	status, answer := ask(t, "POST", "http://"+c.OTLPHTTP+"/v1/metrics", "",
		`{"resourceMetrics":[{"resource":{},"scopeMetrics":[{"metrics":[{"name":"wide","gauge":{"dataPoints":[`+strings.Join(points, ",")+`]}}]}]}]}`,
		"Content-Type", "application/json")
	require.Equal(t, 200, status, answer)
	api := "http://" + c.HTTP + "/prometheus"
	over := func(query string) (int, string) {
		return ask(t, "GET", fmt.Sprintf("%s/api/v1/query_range?query=%s&start=%d&end=%d&step=1", api, url.QueryEscape(query), now.Unix()-600, now.Unix()+1), "", "")
	}
	for range 20 {
		status, answer = over("wide")
		require.Equal(t, 422, status, answer)
		var failed struct{ Status, ErrorType, Error string }
		require.NoError(t, json.Unmarshal([]byte(answer), &failed), answer)
		require.Equal(t, "error", failed.Status)
		require.Equal(t, "execution", failed.ErrorType)
		require.Contains(t, failed.Error, "store::query_memory")
	}
	status, answer = over(`wide{n="7"}`)
	require.Equal(t, 200, status, answer)
	require.Contains(t, answer, `"n":"7"`)
	require.Equal(t, map[string]string{"{}": "3000"}, values(t, api, "count(wide)"), "an instant query of as many series has room")
}
