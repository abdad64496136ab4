// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func sample(change Change, state State) *message {
	begun := time.Date(2026, 11, 29, 18, 50, 20, 0, time.UTC)
	a := Alert{
		ID: "incident/g1", Source: SourceIncident, Name: "Incident", State: state, Severity: SeverityCritical,
		Title: "payments-db is slow: 24% of <orders> fail", Text: "Calls take 1.3 s (baseline 8 ms).",
		Labels: map[string]string{"incident": "g1", "service": "payments-db", "namespace": "shop"}, Services: []string{"payments-db"},
		Actions: []Action{{"Look at locks", []string{"select * from pg_locks"}}}, RunbookURL: "https://runbooks.example.com/db",
		Cause: []Entity{{Kind: "service", Name: "payments-db"}}, StartsAt: begun, UpdatedAt: begun.Add(time.Minute),
	}
	if !state.active() {
		a.EndsAt = begun.Add(time.Minute)
	}
	return &message{ID: "m1", Receiver: "ops", Group: "ops/incident/g1", Alerts: []changed{{
		Alert: a, Changes: []Change{change}, Identity: a.Labels, Earlier: SeverityWarning,
	}}}
}

func decode(t *testing.T, body []byte, err error, into any) {
	t.Helper()
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(body, into))
}

func TestWebhookBody(t *testing.T) {
	now := time.Date(2026, 11, 29, 18, 51, 20, 0, time.UTC)
	body, err := webhookBody(sample(ChangeOpened, StateFiring), "1.0", now)
	require.NoError(t, err)
	assert.JSONEq(t, `{
		"version": "1", "id": "m1", "kind": "alerts", "sender": {"name": "tapio", "version": "1.0"}, "receiver": "ops",
		"group_key": "ops/incident/g1", "status": "firing", "sent_at": "2026-11-29T18:51:20Z",
		"alerts": [{
			"id": "incident/g1", "source": "incident", "name": "Incident", "state": "firing", "status": "firing", "severity": "critical",
			"changes": ["opened"], "title": "payments-db is slow: 24% of <orders> fail", "text": "Calls take 1.3 s (baseline 8 ms).",
			"labels": {"incident": "g1", "service": "payments-db", "namespace": "shop"}, "services": ["payments-db"],
			"cause": [{"kind": "service", "name": "payments-db"}],
			"actions": [{"title": "Look at locks", "commands": ["select * from pg_locks"]}],
			"runbook_url": "https://runbooks.example.com/db", "starts_at": "2026-11-29T18:50:20Z", "updated_at": "2026-11-29T18:51:20Z"
		}]
	}`, string(body))
}

func TestAlertmanagerBody(t *testing.T) {
	now := time.Date(2026, 11, 29, 18, 55, 0, 0, time.UTC)
	var alerts []postableAlert
	body, err := alertmanagerBody(sample(ChangeOpened, StateFiring), 5*time.Minute, now)
	decode(t, body, err, &alerts)
	require.Len(t, alerts, 1)
	assert.Equal(t, map[string]string{
		"alertname": "Incident", "severity": "critical", "source": "incident", "tapio_id": "incident/g1", "incident": "g1",
		"service": "payments-db", "namespace": "shop",
	}, alerts[0].Labels)
	assert.Equal(t, now.Add(20*time.Minute), alerts[0].EndsAt, "so that Alertmanager keeps it until it is sent again")
	assert.Equal(t, "https://runbooks.example.com/db", alerts[0].Annotations["runbook_url"])

	body, err = alertmanagerBody(sample(ChangeSeverityRaised, StateFiring), time.Minute, now)
	decode(t, body, err, &alerts)
	require.Len(t, alerts, 2, "labels tell alerts apart: that of the lower severity ends")
	assert.Equal(t, "warning", alerts[0].Labels["severity"])
	assert.Equal(t, now, alerts[0].EndsAt)

	body, err = alertmanagerBody(sample(ChangeResolved, StateResolved), time.Minute, now)
	decode(t, body, err, &alerts)
	assert.Equal(t, time.Date(2026, 11, 29, 18, 51, 20, 0, time.UTC), alerts[0].EndsAt)
}

func TestPagerDutyBody(t *testing.T) {
	var event pagerDutyEvent
	body, err := pagerDutyBody(sample(ChangeOpened, StateFiring), "key")
	decode(t, body, err, &event)
	assert.Equal(t, "trigger", event.EventAction)
	assert.Equal(t, "key", event.RoutingKey)
	assert.Equal(t, "critical", event.Payload.Severity)
	assert.Equal(t, "payments-db", event.Payload.Source)
	key := event.DedupKey
	body, err = pagerDutyBody(sample(ChangeResolved, StateResolved), "key")
	decode(t, body, err, &event)
	assert.Equal(t, "resolve", event.EventAction)
	assert.Equal(t, key, event.DedupKey, "the same for all events of an alert")
	assert.LessOrEqual(t, len(dedupKey(strings.Repeat("x", 1000))), maxDedupKey)
}

func TestSlackBody(t *testing.T) {
	var msg slackMessage
	body, err := slackBody(sample(ChangeOpened, StateFiring))
	decode(t, body, err, &msg)
	assert.Equal(t, "Firing: payments-db is slow: 24% of &lt;orders&gt; fail", msg.Text)
	require.Len(t, msg.Blocks, 3)
	assert.Equal(t, "header", msg.Blocks[0].Type)
	assert.Contains(t, msg.Blocks[1].Text.Text, "<https://runbooks.example.com/db|Runbook>")
	assert.Contains(t, msg.Blocks[2].Elements[0].Text, "since 2026-11-29 18:50:20 UTC")

	many := sample(ChangeOpened, StateFiring)
	for range 30 {
		many.Alerts = append(many.Alerts, many.Alerts[0])
	}
	body, err = slackBody(many)
	decode(t, body, err, &msg)
	assert.LessOrEqual(t, len(msg.Blocks), 50, "Slack's most")
	assert.Contains(t, msg.Text, "21 further alerts")
}

func TestMatchers(t *testing.T) {
	a := sample(ChangeOpened, StateFiring).Alerts[0].Alert
	a.Cause = append(a.Cause, Entity{Kind: "pod", Name: "payments-db-0", Attributes: map[string]string{"k8s.node.name": "node-2"}})
	for text, want := range map[string]bool{
		`service="payments-db"`: true, "service.name=payments-db": true, `pod=payments-db-0`: true, `node=~"node-[12]"`: true,
		`node!~"node-.*"`: false, `severity!=critical`: false, `k8s.namespace.name = shop`: true, `absent=""`: true, `service=~"payments"`: false,
		`source=incident`: true, `incident=g1`: true, `alertname=Incident`: true,
	} {
		m, err := ParseMatcher(text)
		require.NoError(t, err, text)
		assert.Equal(t, want, m.matches(&a), text)
	}
	for text, want := range map[string]string{
		"service": "is not a matcher", `service=~"("`: "is not a regular expression", `="x"`: "name of the label is missing",
	} {
		_, err := ParseMatcher(text)
		require.ErrorContains(t, err, want)
	}
}

func TestRunbooks(t *testing.T) {
	books := []Runbook{
		{Service: "payments-db", CauseType: "network", URL: "https://r/net"},
		{Rule: "HighLatency", URL: "https://r/rule"},
		{Service: "payments-db", URL: "https://r/db"},
	}
	a := sample(ChangeOpened, StateFiring).Alerts[0].Alert
	a.RunbookURL = ""
	assert.Equal(t, "https://r/db", runbookFor(books, &a))
	a.CauseType = "network"
	assert.Equal(t, "https://r/net", runbookFor(books, &a))
	assert.Equal(t, "https://r/rule", runbookFor(books, &Alert{Source: SourceRule, Rule: "HighLatency"}))
	assert.Empty(t, runbookFor(books, &Alert{}))
}
