// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"github.com/tapio/tapio/internal/model"
)

// Route says which receivers get which alerts, and how they are grouped.
type Route struct {
	Matchers  []Matcher
	Receivers []string
	// Continue also tries the routes behind this one.
	Continue bool
	// GroupBy are the labels whose values make a group; empty: each alert is a
	// group by itself.
	GroupBy []string
	// GroupWait is how long the first message of a group waits for further
	// changes, GroupInterval how long the next one does.
	GroupWait, GroupInterval time.Duration
}

// delivery is a receiver that an alert goes to, and the group there.
type delivery struct {
	receiver string
	group    string
	route    *Route
}

// deliveries lists where an alert goes. Without routes it goes to every receiver.
// No receiver gets it twice.
func (m *Manager) deliveries(a *Alert) []delivery {
	var list []delivery
	for i := range m.options.Routes {
		route := &m.options.Routes[i]
		if !allMatch(route.Matchers, a) {
			continue
		}
		for _, receiver := range route.Receivers {
			if !slices.ContainsFunc(list, func(d delivery) bool { return d.receiver == receiver }) {
				list = append(list, delivery{receiver, route.key(receiver, a), route})
			}
		}
		if !route.Continue {
			break
		}
	}
	return list
}

// key names the group of an alert at a receiver.
func (r *Route) key(receiver string, a *Alert) string {
	if len(r.GroupBy) == 0 {
		return receiver + "/" + a.ID
	}
	parts := make([]string, len(r.GroupBy))
	for i, name := range r.GroupBy {
		parts[i] = name + "=" + strings.Join(a.values(name)[:1], "")
	}
	return receiver + "/" + strings.Join(parts, ",")
}

// Runbook ties alerts to a page that says what to do.
type Runbook struct {
	// Rule, Service and CauseType must hold as far as they are not empty.
	Rule, Service, CauseType string
	URL                      string
}

// runbookFor returns the first runbook that fits, "" for none.
func runbookFor(runbooks []Runbook, a *Alert) string {
	if a.RunbookURL != "" {
		return a.RunbookURL
	}
	if url := a.Annotations["runbook_url"]; url != "" {
		return url
	}
	for _, r := range runbooks {
		if (r.Rule == "" || r.Rule == a.Rule || r.Rule == a.Name) &&
			(r.CauseType == "" || r.CauseType == a.CauseType) &&
			(r.Service == "" || slices.Contains(a.values("service"), r.Service)) {
			return r.URL
		}
	}
	return ""
}

// Runbook returns the page that the configuration names for an incident, "" for none.
func (m *Manager) Runbook(g *model.SemanticGroup) string {
	a := incidentAlert(g, "")
	return runbookFor(m.options.Runbooks, &a)
}

// RunbookOf is Runbook for one of which only the id is at hand. It knows incidents that
// the feed has passed.
func (m *Manager) RunbookOf(group string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if t := m.state.find(&Alert{ID: string(SourceIncident) + "/" + group}); t != nil {
		return t.Alert.RunbookURL
	}
	return ""
}

// messageID is the same for the same changes of the same alerts at the same
// receiver, so that a receiver can recognize a message that is sent again.
func messageID(receiver string, parts ...string) string {
	sum := sha256.Sum256([]byte(receiver + "\x00" + strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:12])
}
