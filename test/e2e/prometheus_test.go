// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/test/running"
)

// prometheusRoutes are the methods and paths of Prometheus' API.
func prometheusRoutes() [][2]string {
	var routes [][2]string
	for _, path := range []string{
		"query?query=1", "query_range?query=1&start=1&end=2&step=1", "query_exemplars?query=x&start=1&end=2", "labels", "series?match[]=x",
		"format_query?query=x", "parse_query?query=x",
	} {
		routes = append(routes, [2]string{"GET", "/prometheus/api/v1/" + path}, [2]string{"POST", "/prometheus/api/v1/" + path})
	}
	for _, path := range []string{
		"label/job/values", "metadata", "rules", "alerts", "targets", "targets/metadata", "alertmanagers", "status/buildinfo", "status/runtimeinfo", "status/flags",
	} {
		routes = append(routes, [2]string{"GET", "/prometheus/api/v1/" + path})
	}
	return append(routes, [2]string{"POST", "/prometheus/api/v1/read"}, [2]string{"GET", "/prometheus/federate"}, [2]string{"GET", "/prometheus/-/ready"})
}

// Every path needs a login and the right to read, and is closed to other sites.
func TestPrometheusIsGuarded(t *testing.T) {
	t.Parallel()
	c := Start(t, guarded)
	for _, route := range prometheusRoutes() {
		address := "http://" + c.HTTP + route[1]
		for user, want := range map[string]int{"": 401, "nobody": 401, "writer": 403} {
			var headers []string
			if user != "" {
				headers = []string{"Authorization", password{user, "secret"}.header()}
			}
			status, answer := ask(t, route[0], address, "", "", headers...)
			require.Equal(t, want, status, "%s as %q: %s", route, user, answer)
		}
		reader := []string{"Authorization", password{"reader", "secret"}.header()}
		status, answer := ask(t, route[0], address, "", "", reader...)
		require.NotContains(t, []int{401, 403, 404, 405, 500}, status, "%s: %s", route, answer)
		status, answer = ask(t, route[0], address, "", "", append(reader, "Origin", "http://evil.example")...)
		require.Equal(t, 403, status, "%s of another site: %s", route, answer)
	}
}

const promRules = `
groups:
- name: shop
  interval: 1s
  rules:
  - {record: "job:orders:total", expr: "sum by (job) (orders_total)"}
  - {alert: ManyOrders, expr: "job:orders:total > 5", labels: {severity: critical}, annotations: {summary: "{{ $labels.job }} has {{ $value }} orders"}}
`

// promConfig is the standard one with rules and with metrics of the extension.
func promConfig(rules string) string {
	config := strings.Replace(standard, "    store: {memory_limit: 64MiB, max_age: 1h}",
		"    store: {memory_limit: 64MiB, max_age: 1h}\n    rules: {files: ["+rules+"]}\n    record_metrics: {interval: 1s}", 1)
	return strings.Replace(config, "metrics: {receivers: [otlp]", "metrics: {receivers: [otlp, tapio]", 1)
}

// startPrometheus starts a collector with some orders, an error in the log and rules.
func startPrometheus(t *testing.T) *Collector {
	t.Helper()
	rules := filepath.Join(t.TempDir(), "rules.yaml")
	require.NoError(t, os.WriteFile(rules, []byte(promRules), 0o600))
	c := Start(t, promConfig(rules))
	now := time.Now().UnixNano()
	resource := `{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"shop"}},{"key":"service.instance.id","value":{"stringValue":"1"}}]},`
	status, answer := ask(t, "POST", "http://"+c.OTLPHTTP+"/v1/metrics", "", fmt.Sprintf(`{"resourceMetrics":[%s"scopeMetrics":[{"metrics":[
		{"name":"orders","unit":"{order}","sum":{"aggregationTemporality":2,"isMonotonic":true,"dataPoints":[{"timeUnixNano":"%d","asInt":"7"}]}},
		{"name":"took","unit":"s","histogram":{"aggregationTemporality":2,"dataPoints":[{"timeUnixNano":"%d","count":"3","sum":2,"bucketCounts":["1","2"],"explicitBounds":[0.5]}]}}
		]}]}]}`, resource, now, now), "Content-Type", "application/json")
	require.Equal(t, 200, status, answer)
	status, answer = ask(t, "POST", "http://"+c.OTLPHTTP+"/v1/logs", "", fmt.Sprintf(
		`{"resourceLogs":[%s"scopeLogs":[{"logRecords":[{"timeUnixNano":"%d","severityNumber":17,"body":{"stringValue":"boom"}}]}]}]}`, resource, now),
		"Content-Type", "application/json")
	require.Equal(t, 200, status, answer)
	return c
}

// values asks a server for a vector: values by the text of the labels.
func values(t *testing.T, api, query string) map[string]string {
	t.Helper()
	_, body := get(t, api+"/api/v1/query?query="+url.QueryEscape(query))
	var answer struct {
		Data struct {
			Result []struct {
				Metric map[string]string
				Value  [2]any
			}
		}
	}
	require.NoError(t, json.Unmarshal(body, &answer), "%s", body)
	found := map[string]string{}
	for _, one := range answer.Data.Result {
		delete(one.Metric, "replica")
		name, err := json.Marshal(one.Metric)
		require.NoError(t, err)
		found[string(name)] = fmt.Sprint(one.Value[1])
	}
	return found
}

func TestPrometheusRulesAndRecordMetrics(t *testing.T) {
	t.Parallel()
	c := startPrometheus(t)
	api := "http://" + c.HTTP + "/prometheus"
	for _, query := range []string{
		`job:orders:total == 7`, `ALERTS{alertname="ManyOrders",alertstate="firing",severity="critical"}`,
		`tapio_log_records_total{service_name="shop",severity="ERROR"} == 1`, `increase(tapio_log_records_total{severity="ERROR"}[1m]) > 0`,
	} {
		require.Eventually(t, func() bool { return len(values(t, api, query)) == 1 }, startLimit, 10*pollEvery, query)
	}
	status, answer := ask(t, "POST", "http://"+c.HTTP+"/v1/logs:query", "", `{"filter":{"eventNames":["tapio.alert"]}}`, "Content-Type", "application/json")
	require.Equal(t, 200, status, answer)
	require.Contains(t, answer, "alert ManyOrders is firing: shop has 7 orders")
}

func TestPromtoolQueries(t *testing.T) {
	t.Parallel()
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("promtool is not installed: apt-get install prometheus")
	}
	c := startPrometheus(t)
	api := "http://" + c.HTTP + "/prometheus"
	run := func(args ...string) string {
		out, err := exec.CommandContext(t.Context(), promtool, append([]string{"query"}, args...)...).CombinedOutput()
		require.NoError(t, err, "%s", out)
		return string(out)
	}
	require.Contains(t, run("instant", api, "orders_total"), `orders_total{instance="1", job="shop"} => 7`)
	require.Contains(t, run("range", "--step=1s", api, "histogram_quantile(0.5, took_seconds_bucket)"), `job="shop"`)
	require.Contains(t, run("series", "--match=orders_total", api), `orders_total`)
	require.Contains(t, run("labels", api, "job"), "shop")
}

// Debian's Prometheus scrapes /federate and reads remotely, and gives the same answers.
func TestPrometheusReadsAndFederates(t *testing.T) {
	t.Parallel()
	prometheus, err := exec.LookPath("prometheus")
	if err != nil {
		t.Skip("prometheus is not installed: apt-get install prometheus")
	}
	c := startPrometheus(t)
	dir := t.TempDir()
	start := func(name, config string) string {
		file := filepath.Join(dir, name+".yml")
		require.NoError(t, os.WriteFile(file, []byte(config), 0o600))
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		address := listener.Addr().String()
		require.NoError(t, listener.Close())
		peer := background(t, running.Command{Args: []string{
			prometheus, "--config.file=" + file, "--storage.tsdb.path=" + filepath.Join(dir, name), "--web.listen-address=" + address,
		}})
		t.Cleanup(peer.Kill)
		require.Eventually(t, func() bool {
			resp, err := http.Get("http://" + address + "/-/ready")
			if err != nil {
				return false
			}
			_ = resp.Body.Close()
			return resp.StatusCode == http.StatusOK
		}, startLimit, 10*pollEvery)
		return "http://" + address
	}
	remote := start("remote", fmt.Sprintf("remote_read: [{url: 'http://%s/prometheus/api/v1/read', read_recent: true}]\n", c.HTTP))
	scraping := start("scraping", fmt.Sprintf("scrape_configs:\n- {job_name: tapio, scrape_interval: 1s, honor_labels: true, metrics_path: /prometheus/federate,"+
		" params: {'match[]': ['{job=\"shop\"}']}, static_configs: [{targets: ['%s']}]}\n", c.HTTP))
	tapio := "http://" + c.HTTP + "/prometheus"
	for _, query := range []string{"orders_total", "took_seconds_bucket", "histogram_quantile(0.9, took_seconds_bucket)", "sum by (job) (took_seconds_count)"} {
		want := values(t, tapio, query)
		require.NotEmpty(t, want, query)
		for _, peer := range []string{remote, scraping} {
			require.Eventually(t, func() bool { return len(values(t, peer, query)) == len(want) }, startLimit, 10*pollEvery, "%s of %s", query, peer)
			require.Equal(t, want, values(t, peer, query), "%s of %s", query, peer)
		}
	}
}
