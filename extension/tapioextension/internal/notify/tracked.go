// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"maps"
	"time"
)

// tracked is an alert and what the receivers know of it.
type tracked struct {
	Alert Alert `json:"alert"`
	// LastSent is the state that was last sent, "" before the first message, and Worst
	// the highest severity that was.
	LastSent State    `json:"told,omitempty"`
	Worst    Severity `json:"worst,omitempty"`
	// Identity are the labels of the first message: Alertmanager identifies alerts by them.
	Identity map[string]string `json:"identity,omitempty"`
	// Aliases are further ids of the same alert: an incident that goes on over a
	// restart gets another one.
	Aliases []string `json:"aliases,omitempty"`

	// restored: read from the directory, and not updated since.
	restored bool
	muted    Change // that a silence keeps
}

// change returns what has happened since the last message, "" for nothing that is
// worth one.
func (t *tracked) change() Change {
	now := t.Alert.State
	switch {
	case t.LastSent == "" && now.active():
		return ChangeOpened
	case t.LastSent == "":
		return ""
	case !t.LastSent.active() && now.active():
		return ChangeReopened
	case !t.LastSent.active():
		return ""
	case now == StateMerged:
		return ChangeMerged
	case now == StateResolved:
		return ChangeResolved
	case now == StateRecovering && t.LastSent != StateRecovering:
		return ChangeRecovering
	case now == StateFiring && t.LastSent == StateRecovering:
		return ChangeReopened
	case t.Alert.Severity.rank() > t.Worst.rank():
		return ChangeSeverityRaised
	default:
		return ""
	}
}

// sent notes that a change was passed to the receivers.
func (t *tracked) sent(change Change) {
	if change == ChangeOpened || t.Identity == nil {
		t.Identity = maps.Clone(t.Alert.Labels)
	}
	if change == ChangeOpened || change == ChangeReopened || t.Alert.Severity.rank() > t.Worst.rank() {
		t.Worst = t.Alert.Severity
	}
	t.LastSent = t.Alert.State
	if t.LastSent == StateUnknown {
		t.LastSent = StateFiring
	}
}

// take brings an alert up to date and passes what changed to the receivers. The
// caller holds the lock.
func (m *Manager) take(a Alert, e *entry) {
	a = a.bounded()
	a.RunbookURL = runbookFor(m.options.Runbooks, &a)
	if a.UpdatedAt.IsZero() {
		a.UpdatedAt = m.now()
	}
	t := m.state.find(&a)
	if t == nil {
		if !a.State.active() {
			return // was never announced, so that its end is no news
		}
		t = &tracked{}
		m.state.Alerts[a.ID] = t
	}
	if t.Alert.ID != "" {
		a.ID = t.Alert.ID
	}
	before, adopted := t.Alert, t.restored
	t.Alert, t.restored = a, false
	if m.pass(t, e) || adopted || before.State != a.State || before.Severity != a.Severity {
		e.Alerts = append(e.Alerts, t)
	}
}

// pass sends what changed, unless a silence keeps it. An end is sent all the same to
// those who know of the beginning, so that no page stays open.
func (m *Manager) pass(t *tracked, e *entry) (sent bool) {
	change := t.change()
	if change == "" {
		return false
	}
	now := m.now()
	if t.Alert.State.active() && m.silenced(&t.Alert, now) != nil {
		if t.muted != change {
			t.muted = change
			m.stats.silenced++
		}
		return false
	}
	t.muted = ""
	earlier := t.Worst
	t.sent(change)
	for _, d := range m.deliveries(&t.Alert) {
		m.enqueue(d, t, change, earlier, now, e)
	}
	return true
}

// review looks at the alerts whose silence may have ended, and at those of which
// nothing was heard since a restart.
func (m *Manager) review(now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var e entry
	for id, t := range m.state.Alerts {
		if t.restored && t.Alert.State.active() && now.Sub(m.started) > m.options.ResolveTimeout {
			t.Alert.State, t.Alert.EndsAt, t.Alert.UpdatedAt = StateResolved, now, now
			t.Alert.Text = cut("Nothing was heard of it since Tapio was restarted. "+t.Alert.Text, maxText)
			t.restored = false
			m.pass(t, &e)
			e.Alerts = append(e.Alerts, t)
			continue
		}
		if t.Alert.State.active() && m.pass(t, &e) {
			e.Alerts = append(e.Alerts, t)
		}
		if !t.Alert.State.active() && now.Sub(t.Alert.UpdatedAt) > keepResolved && now.Sub(t.Alert.EndsAt) > keepResolved {
			e.Forget = append(e.Forget, id)
		}
	}
	m.record(e)
}
