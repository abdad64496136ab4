// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"
)

// postableAlert is Alertmanager's, of its API v2.
type postableAlert struct {
	Labels       map[string]string `json:"labels"`
	Annotations  map[string]string `json:"annotations,omitempty"`
	StartsAt     time.Time         `json:"startsAt,omitzero"`
	EndsAt       time.Time         `json:"endsAt,omitzero"`
	GeneratorURL string            `json:"generatorURL,omitempty"`
}

// missedResends is how many times in a row an alert may fail to be sent again
// before Alertmanager takes it to be over.
const missedResends = 4

func alertmanagerBody(msg *message, resend time.Duration, now time.Time) ([]byte, error) {
	var alerts []postableAlert
	for i := range msg.Alerts {
		c := &msg.Alerts[i]
		labels := alertmanagerLabels(&c.Alert, c.Identity, c.Alert.Severity)
		if slices.Contains(c.Changes, ChangeSeverityRaised) && c.Earlier != c.Alert.Severity {
			// Alertmanager identifies alerts by their labels: the one of the lower severity ends.
			alerts = append(alerts, postableAlert{
				Labels:   alertmanagerLabels(&c.Alert, c.Identity, c.Earlier),
				StartsAt: c.Alert.StartsAt, EndsAt: now,
			})
		}
		alerts = append(alerts, postable(&c.Alert, labels, resend, now))
	}
	return json.Marshal(alerts)
}

func postable(a *Alert, labels map[string]string, resend time.Duration, now time.Time) postableAlert {
	one := postableAlert{
		Labels: labels, Annotations: alertmanagerAnnotations(a), StartsAt: a.StartsAt, EndsAt: now.Add(missedResends * resend),
		GeneratorURL: a.Annotations["generator_url"],
	}
	if !a.State.active() {
		one.EndsAt = a.EndsAt
		if one.EndsAt.IsZero() || one.EndsAt.After(now) {
			one.EndsAt = now
		}
	}
	if one.StartsAt.After(one.EndsAt) {
		one.StartsAt = one.EndsAt
	}
	return one
}

// alertmanagerLabels are the same over the life of an alert, but for its severity.
func alertmanagerLabels(a *Alert, identity map[string]string, severity Severity) map[string]string {
	labels := map[string]string{}
	for name, value := range identity {
		if value != "" {
			labels[labelName(name)] = value
		}
	}
	labels["alertname"] = a.Name
	labels["source"] = string(a.Source)
	labels["tapio_id"] = a.ID
	labels["severity"] = string(severity)
	return labels
}

func alertmanagerAnnotations(a *Alert) map[string]string {
	annotations := map[string]string{}
	for name, value := range a.Annotations {
		annotations[labelName(name)] = value
	}
	set := func(name, value string) {
		if value != "" {
			annotations[name] = value
		}
	}
	set("summary", a.Title)
	set("description", a.Text)
	set("runbook_url", a.RunbookURL)
	set("state", string(a.State))
	set("services", strings.Join(a.Services, ", "))
	return annotations
}

// labelName makes a name that every Alertmanager takes.
func labelName(name string) string {
	return strings.Map(func(r rune) rune {
		if r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return r
		}
		return '_'
	}, name)
}

// resendBody is what Alertmanager gets again: all alerts that it knows to fire.
func (m *Manager) resendBody(resend time.Duration, r *receiver) ([]byte, int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	var alerts []postableAlert
	for _, id := range slices.Sorted(maps.Keys(m.state.Alerts)) {
		t := m.state.Alerts[id]
		if t.LastSent == "" || !t.LastSent.active() || !m.goesTo(r.Name, &t.Alert) {
			continue
		}
		alerts = append(alerts, postable(&t.Alert, alertmanagerLabels(&t.Alert, t.Identity, t.Worst), resend, now))
	}
	body, err := json.Marshal(alerts)
	return body, len(alerts), err
}

func (m *Manager) goesTo(receiver string, a *Alert) bool {
	return slices.ContainsFunc(m.deliveries(a), func(d delivery) bool { return d.receiver == receiver })
}

// resendAll keeps the alerts of an Alertmanager firing.
func (m *Manager) resendAll(r *receiver) {
	tick := time.NewTicker(r.Resend)
	defer tick.Stop()
	for {
		select {
		case <-m.background.Done():
			return
		case <-tick.C:
		}
		body, n, err := m.resendBody(r.Resend, r)
		if err != nil || n == 0 {
			continue
		}
		m.noteSide(r, r.post(m.background, body, messageID(r.Name, "resend", m.now().String()), m.options.Version))
	}
}
