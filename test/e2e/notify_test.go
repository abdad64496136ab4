// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	collogs "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	logs "go.opentelemetry.io/proto/otlp/logs/v1"
	trace "go.opentelemetry.io/proto/otlp/trace/v1"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// pager takes the place of every service that notifications go to.
type pager struct {
	*httptest.Server
	mu   sync.Mutex
	down bool
	got  map[string][]string // bodies by path
}

func newPager(t *testing.T) *pager {
	t.Helper()
	p := &pager{got: map[string][]string{}}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.down {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		p.got[r.URL.Path] = append(p.got[r.URL.Path], string(body))
	}))
	t.Cleanup(p.Close)
	return p
}

func (p *pager) set(down bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.down = down
}

func (p *pager) bodies(path string) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.got[path]...)
}

// await waits until a path got so many messages.
func (p *pager) await(t *testing.T, path string, n int) []string {
	t.Helper()
	eventually(t, startLimit, func() bool { return len(p.bodies(path)) >= n }, fmt.Sprintf("%d messages at %s", n, path))
	return p.bodies(path)
}

// notifying is the standard collector with receivers of every kind.
func (p *pager) notifying() []string {
	of := "--set=extensions::tapio::notifications::"
	return []string{
		of + fmt.Sprintf(`receivers=[{name: hook, webhook: {url: "%[1]s/hook?token=SECRET"}}, {name: am, alertmanager: {endpoint: "%[1]s"}}, `+
			`{name: pd, pagerduty: {endpoint: "%[1]s", routing_key: KEY}}, {name: chat, slack: {url: "%[1]s/services/SECRET"}}]`, p.URL),
		of + `runbooks=[{service: payments-db, url: "https://runbooks.example.com/db"}]`,
		of + `retry::initial_interval=100ms`,
	}
}

func integer(key string, n int64) *common.KeyValue {
	return &common.KeyValue{Key: key, Value: &common.AnyValue{Value: &common.AnyValue_IntValue{IntValue: n}}}
}

func fields(list ...*common.KeyValue) *common.AnyValue {
	return &common.AnyValue{Value: &common.AnyValue_KvlistValue{KvlistValue: &common.KeyValueList{Values: list}}}
}

// group is the record of an incident, as the engine writes it.
func group(id string, revision int64, state, level string) *collogs.ExportLogsServiceRequest {
	now := time.Now()
	factor := fields(integer("rank", 1), &common.KeyValue{Key: "entity", Value: fields(text("kind", "service"), text("name", "payments-db"))})
	record := &logs.LogRecord{
		TimeUnixNano: nanos(now), EventName: "tapio.semantic_group",
		Body: &common.AnyValue{Value: &common.AnyValue_StringValue{StringValue: "payments-db is slow: 24% of orders fail"}},
		Attributes: []*common.KeyValue{
			text("tapio.finding.id", id), integer("tapio.finding.revision", revision), integer("tapio.finding.start", now.Add(-time.Minute).UnixNano()),
			text("tapio.group.state", state), text("tapio.impact.level", level),
			{Key: "tapio.root_cause.factors", Value: &common.AnyValue{Value: &common.AnyValue_ArrayValue{
				ArrayValue: &common.ArrayValue{Values: []*common.AnyValue{factor}},
			}}},
		},
	}
	return &collogs.ExportLogsServiceRequest{ResourceLogs: []*logs.ResourceLogs{{
		Resource: origin("service.name", "tapio"), ScopeLogs: []*logs.ScopeLogs{{LogRecords: []*logs.LogRecord{record}}},
	}}}
}

// One message for each change of state reaches every kind of receiver, also when the
// collector is killed in between, and nothing comes twice.
func TestNotificationsAreSentOnceOverAKill(t *testing.T) {
	t.Parallel()
	p := newPager(t)
	args := append(inDirectory(t.TempDir()), p.notifying()...)
	c := Start(t, standard, args...)
	sendGRPC(t, c, group("g-1", 1, "open", "medium"))
	sendGRPC(t, c, group("g-1", 2, "growing", "medium"))
	sendGRPC(t, c, group("g-1", 3, "growing", "critical"))
	paths := []string{"/hook", "/api/v2/alerts", "/v2/enqueue", "/services/SECRET"}
	for _, path := range paths {
		p.await(t, path, 2)
	}
	p.set(true)
	sendGRPC(t, c, group("g-1", 4, "closed", "critical"))
	eventually(t, startLimit, func() bool { return strings.Contains(string(c.Log()), "failed to send notification") }, "an attempt fails")
	c.Kill()
	require.NotContains(t, string(c.Log()), "SECRET", "no log names what is secret")
	p.set(false)

	c = Start(t, standard, args...)
	sendGRPC(t, c, group("g-1", 5, "closed", "critical"))
	sendGRPC(t, c, group("g-2", 1, "open", "high"))
	for _, path := range paths {
		p.await(t, path, 4)
	}
	require.Zero(t, c.Stop())
	c = Start(t, standard, args...)
	sendGRPC(t, c, group("g-2", 2, "growing", "high"))
	sendGRPC(t, c, group("g-3", 1, "open", "high"))
	for _, path := range paths {
		p.await(t, path, 5)
	}
	var changes []string
	for _, body := range p.bodies("/hook") {
		var msg struct {
			Alerts []struct {
				Runbook string `json:"runbook_url"`
				Changes []string
			}
		}
		require.NoError(t, json.Unmarshal([]byte(body), &msg), body)
		require.Len(t, msg.Alerts, 1)
		require.Equal(t, "https://runbooks.example.com/db", msg.Alerts[0].Runbook)
		changes = append(changes, msg.Alerts[0].Changes...)
	}
	require.Equal(t, []string{"opened", "severity_raised", "resolved", "opened", "opened"}, changes)
	require.Contains(t, p.bodies("/v2/enqueue")[2], `"event_action":"resolve"`)
	require.Contains(t, p.bodies("/api/v2/alerts")[0], `"alertname":"Incident"`)
	require.Contains(t, p.bodies("/services/SECRET")[0], `"blocks"`)
	for _, path := range paths {
		require.Len(t, p.bodies(path), 5, path)
	}
}

func TestSilencesOverTheClient(t *testing.T) {
	t.Parallel()
	p := newPager(t)
	c := Start(t, standard, p.notifying()...)
	id := strings.TrimSpace(string(tapioctl(t, c, "silence", "add", "service=payments-db", "--for", "1h", "--comment", "migration", "--by", "ann")))
	require.Contains(t, string(tapioctl(t, c, "silence", "list")), "migration")
	sendGRPC(t, c, group("g-1", 1, "open", "high"))
	sendGRPC(t, c, group("g-2", 1, "open", "high"))
	eventually(t, startLimit, func() bool {
		var silences tapiov1.ListSilencesResponse
		queryGet(t, c, "/v1/silences?activeOnly=true", &silences)
		return len(silences.Silences) == 1 && silences.Silences[0].Id == id
	}, "the silence is active over HTTP")
	require.Empty(t, p.bodies("/hook"))
	tapioctl(t, c, "silence", "expire", id)
	p.await(t, "/hook", 2)
	require.Contains(t, string(tapioctl(t, c, "get", "receivers")), "pagerduty")
	require.Contains(t, string(tapioctl(t, c, "get", "events", "--since", "1h")), "tapio.silence.expired", "it is audited")

	_, problem, code := run(t, c.GRPC, "", "silence", "add", "service", "--for", "1h")
	require.Equal(t, 2, code)
	require.Contains(t, problem, "invalid matcher")
	_, problem, code = run(t, c.GRPC, "", "silence", "add", `service=~".*"`)
	require.Equal(t, 2, code, problem)
	require.Contains(t, problem, "matchers")
	_, problem, code = run(t, c.GRPC, "", "silence", "expire", "none")
	require.Equal(t, 1, code, problem)
}

// requests are entry spans, of which some failed.
func requests(n, failed int) []*trace.Span {
	var spans []*trace.Span
	for i := range n {
		span := numberedSpans(i, i+1).ResourceSpans[0].ScopeSpans[0].Spans[0]
		span.Kind, span.Name = trace.Span_SPAN_KIND_SERVER, "POST /order"
		if i < failed {
			span.Status = &trace.Status{Code: trace.Status_STATUS_CODE_ERROR}
		}
		spans = append(spans, span)
	}
	return spans
}

// A budget that burns is an event in the store, a notification, an answer and a metric.
func TestErrorBudgetBurns(t *testing.T) {
	t.Parallel()
	p := newPager(t)
	c := Start(t, standard, append(p.notifying(),
		`--set=extensions::tapio::slos::objectives=[{name: orders, service: crash, availability: {target: 99}, latency: {target: 99, threshold: 300ms}}]`)...)
	sent := numberedSpans(0, 0)
	sent.ResourceSpans[0].ScopeSpans[0].Spans = requests(100, 40)
	sendGRPC(t, c, sent)
	p.await(t, "/hook", 4)
	require.Contains(t, strings.Join(p.bodies("/hook"), ""), "40% of requests fail")
	require.Contains(t, string(tapioctl(t, c, "get", "events", "--since", "1h")), "tapio.slo.burn")
	require.Contains(t, string(tapioctl(t, c, "get", "slos", "--firing")), "page_fast")
	var list tapiov1.ListSLOsResponse
	queryGet(t, c, "/v1/slos", &list)
	require.Len(t, list.Slos, 2)
	require.InDelta(t, 100, list.Slos[0].RequestCount, 0)
	require.InDelta(t, 40, list.Slos[0].BadCount, 0)
	require.InDelta(t, 1-0.4/0.01, list.Slos[0].BudgetRemaining, 1e-9)
	require.Equal(t, tapiov1.SLO_TYPE_LATENCY, list.Slos[1].Type)
	require.InDelta(t, 60, list.Slos[1].RequestCount, 0, "of those that do not fail")
}

func TestChangesAndCost(t *testing.T) {
	t.Parallel()
	c := Start(t, standard, "--set=extensions::tapio::cost={currency: EUR, ingested_gib: 1000000}")
	id := strings.TrimSpace(string(tapioctl(t, c, "send", "change", "--service", "checkout", "--from", "1.0.4", "--to", "1.1.0",
		"--author", "ann", "--url", "https://ci.example.com/42", "--attribute", "vcs.ref.head.revision=abc")))
	got := string(tapioctl(t, c, "get", "event", id, "-o", "json"))
	for _, part := range []string{"tapio.change", "deployment of checkout: 1.0.4 -> 1.1.0", "tapio.change.to", "vcs.ref.head.revision", "service.version"} {
		require.Contains(t, got, part)
	}
	for want, args := range map[string][]string{
		"change.service":    {"send", "change"},
		"change.name":       {"send", "change", "--type", "feature_flag"},
		"change.url":        {"send", "change", "--service", "a", "--url", "nowhere"},
		"change.attributes": {"send", "change", "--service", "a", "--attribute", "tapio.x=1"},
	} {
		_, problem, code := run(t, c.GRPC, "", args...)
		require.Equal(t, 2, code, problem)
		require.Contains(t, problem, want)
	}
	sendGRPC(t, c, lines("noisy", 0, 500, ""))
	now := time.Now().Add(-time.Minute)
	sendGRPC(t, c, metricsOf(origin("k8s.deployment.name", "cart", "k8s.pod.name", "cart-1", "k8s.namespace.name", "shop"),
		gauge("k8s.container.cpu_request", now, 2, 2), gauge("container.cpu.usage", now, 0.2, 0.3),
		gauge("k8s.container.memory_request", now, 1<<30, 1<<30), gauge("container.memory.working_set", now, 1<<30, 1.5*(1<<30))))
	table := string(tapioctl(t, c, "get", "cost"))
	for _, part := range []string{"cart", "lower the CPU request to 0.34 cores", "raise the memory request to 1.8 GiB", `resource.attributes["service.name"] == "noisy"`} {
		require.Contains(t, table, part)
	}
	var advice tapiov1.GetCostAdviceResponse
	query(t, c, "/v1/cost:advise", `{"top": 1}`, &advice)
	require.Len(t, advice.Logs, 1)
	require.EqualValues(t, 500, advice.Logs[0].RecordCount)
	require.Equal(t, "EUR", advice.Currency)
}
