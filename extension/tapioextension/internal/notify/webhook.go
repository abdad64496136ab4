// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"encoding/json"
	"time"
)

// webhookVersion is that of the JSON below. Fields may be added under the same
// version; docs/how-to/notifications.md documents all.
const webhookVersion = "1"

type webhookMessage struct {
	Version  string         `json:"version"`
	ID       string         `json:"id"`
	Kind     string         `json:"kind"` // alerts or watchdog
	Sender   webhookSender  `json:"sender"`
	Receiver string         `json:"receiver"`
	GroupKey string         `json:"group_key,omitempty"`
	Status   string         `json:"status"`
	SentAt   time.Time      `json:"sent_at"`
	Alerts   []webhookAlert `json:"alerts"`
}

type webhookSender struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

type webhookAlert struct {
	Alert
	Changes []Change `json:"changes"`
	Status  string   `json:"status"`
}

func webhookBody(msg *message, version string, now time.Time) ([]byte, error) {
	body := webhookMessage{
		Version: webhookVersion, ID: msg.ID, Kind: "alerts", Sender: webhookSender{"tapio", version},
		Receiver: msg.Receiver, GroupKey: msg.Group, Status: msg.status(), SentAt: now.UTC(),
	}
	for i := range msg.Alerts {
		c := &msg.Alerts[i]
		one := webhookAlert{Alert: c.Alert, Changes: c.Changes, Status: string(StateResolved)}
		if c.Alert.State.active() {
			one.Status = string(StateFiring)
		}
		body.Alerts = append(body.Alerts, one)
	}
	return json.Marshal(body)
}

func webhookWatchdog(receiver, version, id string, now time.Time) ([]byte, error) {
	return json.Marshal(webhookMessage{
		Version: webhookVersion, ID: id, Kind: "watchdog", Sender: webhookSender{"tapio", version},
		Receiver: receiver, Status: string(StateFiring), SentAt: now.UTC(), Alerts: []webhookAlert{},
	})
}
