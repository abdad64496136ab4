// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/tapio/tapio/extension/tapioextension/internal/slo"
	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/otlp"
	"github.com/tapio/tapio/internal/semconv"
	"github.com/tapio/tapio/internal/store"
)

const (
	feedRows = 100
	// notePosition is how often the place in the store is noted when nothing comes.
	notePosition = 30 * time.Second
)

// Feed passes the findings of a store to the manager until Stop: from where an
// earlier manager ended, or from now on. The store never waits for it.
func (m *Manager) Feed(kept *store.Store) {
	m.goOn(func() { m.feed(kept) })
}

func (m *Manager) feed(kept *store.Store) {
	m.mu.Lock()
	start := model.Start{Resume: m.state.Position > 0, After: m.state.Position}
	m.mu.Unlock()
	tail := kept.TailRecords(model.EventQuery{
		Kind:   model.EventsOnly,
		Filter: model.Filter{EventNames: []string{model.SemanticGroupEvent, slo.BurnEvent}},
	}, start)
	for m.background.Err() == nil {
		ctx, cancel := context.WithTimeout(m.background, notePosition)
		rows, loss, err := tail.Next(ctx, feedRows)
		cancel()
		if err != nil && !errors.Is(err, context.DeadlineExceeded) {
			return
		}
		if loss.Count > 0 {
			m.mu.Lock()
			m.stats.lostRecords += loss.Count
			m.mu.Unlock()
			m.options.Logger.Warn("records were evicted before notifications were made of them", zap.Uint64("records", loss.Count))
		}
		m.notify(tail.Position(), alertsOf(rows))
	}
}

func alertsOf(records []model.Event) []Alert {
	var alerts []Alert
	for i := range records {
		if a, ok := alertOf(&records[i]); ok {
			alerts = append(alerts, a)
		}
	}
	return alerts
}

// alertOf reads an alert from a record, if it carries one.
func alertOf(record *model.Event) (Alert, bool) {
	if record.Name == slo.BurnEvent {
		return burnAlert(record)
	}
	group, ok := otlp.FindingFromEvent(record).(*model.SemanticGroup)
	if !ok || group.Kind == model.GroupObservation || group.Kind == model.GroupChange { // which affect no one
		return Alert{}, false
	}
	a := incidentAlert(group, text(record, semconv.GroupState))
	kind := text(record, semconv.GroupKind)
	// What is no incident is not sent; but one that was may end as an observation.
	return a, kind != "observation" && kind != "change" || !a.State.active()
}

func text(record *model.Event, key string) string {
	v, _ := record.Attributes.Get(key)
	return v.Text()
}

// incidentAlert makes an alert of an incident.
func incidentAlert(g *model.SemanticGroup, state string) Alert {
	a := Alert{
		ID: string(SourceIncident) + "/" + g.ID, Source: SourceIncident, Name: "Incident", State: incidentState(state),
		Severity: incidentSeverity(g.Impact.Level), Title: g.Title, Text: incidentText(g), Services: g.Services,
		StartsAt: at(g.Range.Start), UpdatedAt: at(g.Time), Labels: map[string]string{"incident": g.ID},
	}
	if g.MergedInto != "" {
		a.MergedInto = string(SourceIncident) + "/" + g.MergedInto
	}
	if !a.State.active() {
		a.EndsAt = at(max(g.Range.End, g.Range.Start))
	}
	for i := range g.RootCause.Factors {
		factor := &g.RootCause.Factors[i]
		if i == 0 {
			a.Cause = append(a.Cause, entityOf(&factor.Entity))
			for j := range factor.Within {
				a.Cause = append(a.Cause, entityOf(&factor.Within[j]))
			}
		}
	}
	a.CauseType = groupTypeName(g.Type)
	setLabel(&a, "cause_type", a.CauseType)
	if len(a.Cause) > 0 {
		setLabel(&a, "cause_kind", a.Cause[0].Kind)
		setLabel(&a, "cause", a.Cause[0].Name)
	}
	for _, name := range []string{"service", "namespace", "pod", "node", "version", "cluster", "environment"} {
		setLabel(&a, name, a.values(name)[0])
	}
	for i := range g.Actions {
		a.Actions = append(a.Actions, Action{Title: g.Actions[i].Title, Commands: g.Actions[i].Commands})
	}
	return a
}

func setLabel(a *Alert, name, value string) {
	if value != "" {
		a.Labels[name] = value
	}
}

// incidentState reads a state by its name in records, so that one of a later version
// is taken for an incident that goes on.
func incidentState(name string) State {
	switch name {
	case "closed", "resolved":
		return StateResolved
	case "merged":
		return StateMerged
	case "recovering":
		return StateRecovering
	case "unknown":
		return StateUnknown
	default:
		return StateFiring
	}
}

func incidentSeverity(level model.ImpactLevel) Severity {
	switch level {
	case model.ImpactCritical:
		return SeverityCritical
	case model.ImpactHigh:
		return SeverityError
	case model.ImpactMedium:
		return SeverityWarning
	case model.ImpactUnspecified, model.ImpactLow:
		return SeverityInfo
	default:
		return SeverityInfo
	}
}

func groupTypeName(t model.GroupType) string {
	names := []string{"", "deployment", "failure_cascade", "resource_exhaustion", "network", "dependency", "security"}
	if int(t) >= len(names) {
		return ""
	}
	return names[t]
}

// incidentText is what a person reads below the title.
func incidentText(g *model.SemanticGroup) string {
	var parts []string
	add := func(sentence string) {
		if sentence != "" && sentence != g.Title && !slices.Contains(parts, sentence) {
			parts = append(parts, sentence)
		}
	}
	add(g.RootCause.Summary)
	add(g.Impact.Summary)
	return strings.Join(parts, "\n")
}

func entityOf(e *model.Entity) Entity {
	one := Entity{Kind: e.Kind.String(), Name: e.Name}
	if len(e.Attributes) > 0 {
		one.Attributes = make(map[string]string, len(e.Attributes))
	}
	for _, kv := range e.Attributes {
		one.Attributes[kv.Key] = kv.Value.Text()
	}
	return one
}

func at(t model.Nanos) time.Time {
	if t == 0 {
		return time.Time{}
	}
	return time.Unix(0, int64(t)).UTC()
}
