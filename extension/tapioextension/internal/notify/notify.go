// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package notify sends notifications of incidents, of alerts of rules and of
// burnt error budgets to webhooks, Alertmanager, PagerDuty and Slack: one message
// for each change of state, grouped, retried and remembered across restarts.
package notify

import (
	"slices"
	"time"
)

// Notifier takes what a person may have to act on. It decides by itself what is
// a change worth a message, so the same alert may be passed as often as it is
// evaluated. It never waits for a receiver.
type Notifier interface {
	// Notify passes the present state of alerts.
	Notify(alerts ...Alert)
}

// Source says where an alert comes from.
type Source string

// The sources of alerts.
const (
	SourceIncident Source = "incident"
	SourceSLO      Source = "slo"
	SourceRule     Source = "rule"
	SourceWatchdog Source = "watchdog"
)

// State is where an alert is in its life.
type State string

// The states of an alert.
const (
	StateFiring     State = "firing"
	StateRecovering State = "recovering" // the cause is gone, effects may still be seen
	StateUnknown    State = "unknown"    // there is no traffic that would show it
	StateResolved   State = "resolved"
	StateMerged     State = "merged" // taken up by another alert
)

// active reports whether the alert still needs attention.
func (s State) active() bool { return s != StateResolved && s != StateMerged }

// Severity is the severity of an alert.
type Severity string

// The severities, the lowest first.
const (
	SeverityInfo     Severity = "info"
	SeverityWarning  Severity = "warning"
	SeverityError    Severity = "error"
	SeverityCritical Severity = "critical"
)

// Severities lists all, the lowest first.
func Severities() []Severity {
	return []Severity{SeverityInfo, SeverityWarning, SeverityError, SeverityCritical}
}

// rank orders severities; one that is not known is below all others.
func (s Severity) rank() int { return slices.Index(Severities(), s) }

// Change is what happened to an alert.
type Change string

// The changes that are worth a message.
const (
	ChangeOpened         Change = "opened"
	ChangeSeverityRaised Change = "severity_raised"
	ChangeRecovering     Change = "recovering"
	ChangeResolved       Change = "resolved"
	ChangeReopened       Change = "reopened"
	ChangeMerged         Change = "merged"
)

// Entity is a thing that an alert is about.
type Entity struct {
	Kind       string            `json:"kind"`
	Name       string            `json:"name"`
	Attributes map[string]string `json:"attributes,omitempty"`
}

// Action is something to do about an alert.
type Action struct {
	Title    string   `json:"title"`
	Commands []string `json:"commands,omitempty"`
}

// Alert is the present state of something that a person may have to act on.
type Alert struct {
	// ID is stable over the life of the alert, and unique among all sources.
	ID     string `json:"id"`
	Source Source `json:"source"`
	// Name groups alerts that are alike: the rule, the objective, or the type of
	// the incident.
	Name     string   `json:"name"`
	State    State    `json:"state"`
	Severity Severity `json:"severity"`
	Title    string   `json:"title"`
	Text     string   `json:"text,omitempty"`
	// Labels select alerts in routes and silences.
	Labels      map[string]string `json:"labels,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
	// Cause is what a silence for an entity is matched against, the most probable
	// cause first and what narrows it down behind it.
	Cause      []Entity  `json:"cause,omitempty"`
	CauseType  string    `json:"cause_type,omitempty"`
	Rule       string    `json:"rule,omitempty"` // that fired
	Services   []string  `json:"services,omitempty"`
	Actions    []Action  `json:"actions,omitempty"`
	MergedInto string    `json:"merged_into,omitempty"`
	RunbookURL string    `json:"runbook_url,omitempty"` // empty: by the configuration
	StartsAt   time.Time `json:"starts_at"`
	EndsAt     time.Time `json:"ends_at,omitzero"` // zero while the alert is active
	UpdatedAt  time.Time `json:"updated_at"`
}

// The longest texts of an alert, in bytes.
const (
	maxTitle = 1 << 10
	maxText  = 8 << 10
)

// bounded returns the alert with texts cut to what a message may hold.
func (a Alert) bounded() Alert {
	a.Title, a.Text = cut(a.Title, maxTitle), cut(a.Text, maxText)
	a.Actions = a.Actions[:min(len(a.Actions), 8)]
	a.Services = a.Services[:min(len(a.Services), 64)]
	a.Cause = a.Cause[:min(len(a.Cause), 16)]
	return a
}

// cut shortens a text to at most n bytes, at the end of a character.
func cut(text string, n int) string {
	if len(text) <= n {
		return text
	}
	const dots = "…"
	n -= len(dots)
	for n > 0 && text[n]&0xC0 == 0x80 {
		n--
	}
	return text[:n] + dots
}
