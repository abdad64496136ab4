// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package tapioextension

import (
	"cmp"
	"errors"

	"go.opentelemetry.io/collector/component/componentstatus"
	"go.uber.org/zap"

	"github.com/tapio/tapio/extension/tapioextension/internal/notify"
	"github.com/tapio/tapio/extension/tapioextension/internal/rules"
	"github.com/tapio/tapio/internal/model"
)

// startRules begins to evaluate rules once the pipelines run.
func (e *tapioExtension) startRules() {
	problems := e.rules.Problems()
	for _, problem := range problems {
		e.set.Logger.Error("failed to load rules", zap.Error(problem))
	}
	if len(problems) > 0 {
		host := e.host
		go componentstatus.ReportStatus(host, componentstatus.NewRecoverableErrorEvent(errors.Join(problems...)))
	}
	e.rules.Start()
}

// notifyOfRules passes the alerts of rules that fire, or no longer do, to the receivers of
// notifications.
func (e *tapioExtension) notifyOfRules(changes []rules.Change) {
	if e.notifier == nil {
		return
	}
	for i := range changes {
		if c := &changes[i]; c.State == rules.StateFiring || c.State == rules.StateResolved {
			e.notifier.Notify(alertOf(c))
		}
	}
}

func alertOf(c *rules.Change) notify.Alert {
	a := notify.Alert{
		ID: c.ID, Source: notify.SourceRule, Name: c.Name, Rule: c.Name, State: notify.StateFiring, Severity: severityOf(c.Labels["severity"]),
		Title: cmp.Or(c.Annotations["summary"], c.Name), Text: c.Annotations["description"],
		Labels: c.Labels, Annotations: c.Annotations, RunbookURL: c.Annotations["runbook_url"],
		StartsAt: c.ActiveAt, UpdatedAt: c.At,
	}
	if service := c.Service(); service != "" {
		a.Services = []string{service}
	}
	if c.State == rules.StateResolved {
		a.State, a.EndsAt = notify.StateResolved, c.At
	}
	return a
}

// severityOf reads the label severity; an alert without one is a warning.
func severityOf(label string) notify.Severity {
	switch model.SeverityOfText(label) {
	case model.SeverityFatal:
		return notify.SeverityCritical
	case model.SeverityError:
		return notify.SeverityError
	case model.SeverityInfo, model.SeverityDebug, model.SeverityTrace:
		return notify.SeverityInfo
	default:
		if label == "page" {
			return notify.SeverityCritical
		}
		return notify.SeverityWarning
	}
}
