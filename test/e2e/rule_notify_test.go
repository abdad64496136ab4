// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const depthRules = `
groups:
- name: queue
  interval: 1s
  rules:
  - alert: QueueDeep
    expr: queue_depth > 5
    labels: {severity: critical}
    annotations: {summary: "{{ $labels.job }} waits for {{ $value }}", runbook_url: "https://runbooks.example.com/queue"}
`

// depth sends the gauge that the rules look at.
func depth(t *testing.T, c *Collector, value int) {
	t.Helper()
	status, answer := ask(t, "POST", "http://"+c.OTLPHTTP+"/v1/metrics", "", fmt.Sprintf(
		`{"resourceMetrics":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"cart"}}]},"scopeMetrics":[{"metrics":[
		{"name":"queue.depth","gauge":{"dataPoints":[{"timeUnixNano":"%d","asInt":"%d"}]}}]}]}]}`, time.Now().UnixNano(), value),
		"Content-Type", "application/json")
	require.Equal(t, 200, status, answer)
}

// The alerts of rules go to the receivers of notifications: once when they fire, also over
// a reload and a kill, and once when they are resolved.
func TestAlertsOfRulesAreSentOnceOverAReloadAndAKill(t *testing.T) {
	t.Parallel()
	p := newPager(t)
	rules := filepath.Join(t.TempDir(), "rules.yaml")
	require.NoError(t, os.WriteFile(rules, []byte(depthRules), 0o600))
	args := append(inDirectory(t.TempDir()), p.notifying()...)
	c := Start(t, promConfig(rules), append(args, "--set=extensions::tapio::store::durability=sync")...)
	depth(t, c, 9)
	require.Contains(t, p.await(t, "/hook", 1)[0], "cart waits for 9")
	require.Contains(t, p.bodies("/hook")[0], "https://runbooks.example.com/queue")
	require.Contains(t, p.bodies("/hook")[0], `"severity":"critical"`)
	evaluated := func(c *Collector) {
		t.Helper()
		require.Eventually(t, func() bool {
			_, body := get(t, "http://"+c.HTTP+"/prometheus/api/v1/rules")
			return strings.Contains(string(body), `"state":"firing"`)
		}, startLimit, 10*pollEvery)
		depth(t, c, 9)
	}
	evaluated(c)

	c.askReload(t)
	c.awaitReady(t)
	evaluated(c)
	c.Kill()
	c = Start(t, promConfig(rules), append(args, "--set=extensions::tapio::store::durability=sync")...)
	evaluated(c)
	depth(t, c, 1)
	require.Contains(t, p.await(t, "/hook", 2)[1], `"resolved"`)
	depth(t, c, 8)
	require.Contains(t, p.await(t, "/hook", 3)[2], "cart waits for 8")
	require.Len(t, p.bodies("/hook"), 3, "nothing was sent twice")
	status, events := ask(t, "POST", "http://"+c.HTTP+"/v1/logs:query", "", `{"filter":{"eventNames":["tapio.alert"]}}`, "Content-Type", "application/json")
	require.Equal(t, 200, status, events)
	for _, body := range []string{"is firing: cart waits for 9", "is resolved: cart waits for 9", "is firing: cart waits for 8"} {
		require.Equal(t, 1, strings.Count(events, "alert QueueDeep "+body), "%s: %s", body, events)
	}
	require.Equal(t, 3, strings.Count(events, "alert QueueDeep is"), "no event came twice: %s", events)
}
