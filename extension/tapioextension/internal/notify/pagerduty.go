// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"encoding/json"
	"fmt"
	"time"
)

// pagerDutyEvent is one of PagerDuty's Events API v2.
type pagerDutyEvent struct {
	RoutingKey  string            `json:"routing_key"`
	EventAction string            `json:"event_action"`
	DedupKey    string            `json:"dedup_key"`
	Client      string            `json:"client,omitempty"`
	Payload     *pagerDutyPayload `json:"payload,omitempty"`
	Links       []pagerDutyLink   `json:"links,omitempty"`
}

type pagerDutyPayload struct {
	Summary       string         `json:"summary"`
	Source        string         `json:"source"`
	Severity      string         `json:"severity"`
	Timestamp     string         `json:"timestamp,omitempty"`
	Component     string         `json:"component,omitempty"`
	Group         string         `json:"group,omitempty"`
	Class         string         `json:"class,omitempty"`
	CustomDetails map[string]any `json:"custom_details,omitempty"`
}

type pagerDutyLink struct {
	HRef string `json:"href"`
	Text string `json:"text"`
}

// PagerDuty's longest summary and dedup_key, in characters.
const (
	maxSummary  = 1024
	maxDedupKey = 255
)

func pagerDutyBody(msg *message, routingKey string) ([]byte, error) {
	if len(msg.Alerts) != 1 {
		return nil, fmt.Errorf("an event holds one alert, there are %d", len(msg.Alerts))
	}
	c := &msg.Alerts[0]
	a := &c.Alert
	event := pagerDutyEvent{RoutingKey: routingKey, EventAction: "trigger", DedupKey: dedupKey(a.ID), Client: "Tapio"}
	if !a.State.active() {
		event.EventAction = "resolve"
	}
	source := a.values("service")[0]
	if source == "" {
		source = "tapio"
	}
	event.Payload = &pagerDutyPayload{
		Summary: cut(a.Title, maxSummary), Source: source, Severity: string(a.Severity),
		Timestamp: a.StartsAt.UTC().Format(time.RFC3339Nano), Component: source, Group: a.Labels["namespace"], Class: a.Name,
		CustomDetails: map[string]any{
			"text": a.Text, "labels": a.Labels, "services": a.Services, "state": a.State, "changes": c.Changes, "actions": a.Actions,
		},
	}
	if a.RunbookURL != "" {
		event.Links = []pagerDutyLink{{a.RunbookURL, "Runbook"}}
	}
	return json.Marshal(event)
}

// dedupKey is the same for all events of an alert.
func dedupKey(id string) string {
	key := "tapio/" + id
	if len(key) > maxDedupKey {
		key = "tapio/" + messageID("", id)
	}
	return key
}
