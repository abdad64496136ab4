// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// peakMemory is the most memory that the collector was resident with, in bytes.
func peakMemory(t *testing.T, c *Collector) int64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.PID()))
	require.NoError(t, err)
	_, rest, found := strings.Cut(string(text), "VmHWM:")
	require.True(t, found)
	kib, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
	require.NoError(t, err)
	return kib << 10
}

func gzipped(t *testing.T, text string) []byte {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, err := w.Write([]byte(text))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return out.Bytes()
}

// batchOf repeats an item of JSON until the batch has about n bytes.
func batchOf(before, item, after string, n int) string {
	return before + strings.TrimSuffix(strings.Repeat(item+",", n/(len(item)+1)), ",") + after
}

// A small compressed body can unpack to much, and what it unpacks to can decode to
// more. However many come at once, the collector stays within a bound and answers
// others.
func TestFloodOfCompressedBodies(t *testing.T) {
	t.Parallel()
	c := Start(t, standard)
	const limit = 4 << 20
	attribute := `{"key":"k","value":{"stringValue":"v"}}`
	for name, flood := range map[string]struct {
		body string
		want int // of one that comes alone
	}{
		"longer than the limit": {batchOf(`{"batch":{"events":[`, `{"logRecord":{"eventName":"a"}}`, `]}}`, 5*limit), 413},
		"empty events":          {batchOf(`{"batch":{"events":[`, `{}`, `]}}`, limit-100), 413},
		"attributes":            {batchOf(`{"batch":{"events":[{"logRecord":{"eventName":"a","attributes":[`, attribute, `]}}]}}`, limit-100), 200},
		"arrays":                {batchOf(`{"batch":{"events":[{"logRecord":{"eventName":"a","body":{"arrayValue":{"values":[`, `{}`, `]}}}}]}}`, limit-100), 413},
		"events":                {batchOf(`{"batch":{"events":[`, `{"logRecord":{"eventName":"a"}}`, `]}}`, limit-100), 400},
		"one long text":         {batchOf(`{"batch":{"events":[{"logRecord":{"eventName":"a","body":{"stringValue":"`, `x`, `"}}}]}}`, limit-100), 200},
	} {
		packed := gzipped(t, flood.body)
		var answers sync.Map
		var flooding sync.WaitGroup
		for range 30 {
			flooding.Go(func() {
				request, _ := http.NewRequestWithContext(bounded(t), http.MethodPost, "http://"+c.HTTP+"/v1/collectors:send", bytes.NewReader(packed))
				request.Header.Set("Content-Type", "application/json")
				request.Header.Set("Content-Encoding", "gzip")
				response, err := http.DefaultClient.Do(request)
				if err == nil {
					answers.Store(response.StatusCode, response.Header.Get("Retry-After"))
					_ = response.Body.Close()
				}
			})
		}
		status, _ := get(t, "http://"+c.HTTP+"/v1/health")
		require.Equal(t, http.StatusOK, status, "meanwhile")
		flooding.Wait()
		answers.Range(func(status, retryAfter any) bool {
			require.Contains(t, []int{flood.want, http.StatusTooManyRequests}, status, name)
			require.Equal(t, status == http.StatusTooManyRequests, retryAfter != "", "%s: %v", name, status)
			return true
		})
		answer := askFor(t, "POST", "http://"+c.HTTP+"/v1/collectors:send", "", string(packed), "Content-Type", "application/json", "Content-Encoding", "gzip")
		require.NoError(t, answer.Body.Close())
		require.Equal(t, flood.want, answer.StatusCode, name)
		t.Logf("%s: %d bytes sent 30 times, %d MiB at most", name, len(packed), peakMemory(t, c)>>20)
	}
	require.Less(t, peakMemory(t, c), int64(400<<20))
}
